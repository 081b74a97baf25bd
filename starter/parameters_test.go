package starter_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// parameters are those of the Python client's init.
var parameters = strings.Fields(`eureka_server eureka_domain region zone eureka_availability_zones eureka_protocol eureka_basic_auth_user
	eureka_basic_auth_password eureka_context prefer_same_zone should_register should_discover on_error app_name instance_id instance_host instance_ip
	instance_ip_network instance_port instance_unsecure_port_enabled instance_secure_port instance_secure_port_enabled data_center_name
	renewal_interval_in_secs duration_in_secs home_page_url status_page_url health_check_url secure_health_check_url vip_adr secure_vip_addr
	is_coordinating_discovery_server metadata remote_regions ha_strategy strict_service_error_policy`)

// leftOut are parameters without a field.
var leftOut = map[string]string{
	"eureka_domain":             "servers by DNS are not there yet",
	"region":                    "belongs to eureka_domain",
	"eureka_availability_zones": "servers by zone are not there yet",
	"remote_regions":            "not there yet",
	"should_register":           "Discover leaves it out",
	"should_discover":           "Register leaves it out",
}

func TestConfigHasEveryParameterOfThePythonClient(t *testing.T) {
	require.Len(t, parameters, 36)
	file, err := parser.ParseFile(token.NewFileSet(), "config.go", nil, parser.ParseComments)
	require.NoError(t, err)
	fields := map[string]string{}
	named := regexp.MustCompile(`\[([a-z_]+)(=\w+)?\]$`)
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.TypeSpec)
		if !ok || spec.Name.Name != "Config" {
			return true
		}
		for _, field := range spec.Type.(*ast.StructType).Fields.List {
			name, comment := field.Names[0].Name, strings.TrimSpace(field.Comment.Text())
			require.True(t, strings.Contains(comment, "default") || strings.Contains(comment, "required") || name == "EurekaPassword", "%s tells its default", name)
			switch match := named.FindStringSubmatch(comment); {
			case match != nil:
				fields[match[1]] = name
			default:
				require.True(t, strings.HasSuffix(comment, "(ours)") || name == "Transport", "%s names its parameter: %s", name, comment)
			}
		}
		return false
	})
	for _, p := range parameters {
		_, out := leftOut[p]
		require.True(t, out != (fields[p] != ""), "%s is a field or left out for a reason", p)
		delete(fields, p)
	}
	require.Empty(t, fields, "parameters that the Python client does not have")
}
