package wire

import (
	"strconv"
	"unicode/utf8"

	"github.com/archimedes-go/archimedes/modules/discovery"
)

// appendJSON appends instance as a JSON object.
func appendJSON(dst []byte, i *Instance, compact bool) []byte {
	dst = append(dst, '{')
	if i.InstanceID != "" {
		dst = appendString(append(dst, `"instanceId":`...), i.InstanceID)
		dst = append(dst, ',')
	}
	dst = appendString(append(dst, `"hostName":`...), i.HostName)
	dst = appendString(append(dst, `,"app":`...), i.App)
	dst = appendString(append(dst, `,"ipAddr":`...), i.IPAddr)
	dst = append(dst, `,"status":"`...)
	dst = append(dst, i.Status.String()...)
	if !compact {
		dst = append(dst, `","overriddenStatus":"`...)
		dst = append(dst, i.OverriddenStatus.String()...)
	}
	dst = append(dst, `","port":`...)
	dst = appendJSONPort(dst, i.Port)
	dst = append(dst, `,"securePort":`...)
	dst = appendJSONPort(dst, i.SecurePort)
	if !compact {
		dst = appendInt(append(dst, `,"countryId":`...), int64(country(i)))
		dst = appendText(dst, `,"appGroupName":`, i.AppGroupName)
		dst = appendText(dst, `,"sid":`, sid(i))
	}
	dst = appendJSONDataCenter(dst, &i.DataCenter, compact)
	if !compact {
		dst = appendJSONLease(dst, &i.Lease)
		dst = append(dst, `,"metadata":`...)
		dst = appendJSONMetadata(dst, i.Metadata, false)
		dst = appendText(dst, `,"homePageUrl":`, i.HomePageURL)
		dst = appendText(dst, `,"statusPageUrl":`, i.StatusPageURL)
		dst = appendText(dst, `,"healthCheckUrl":`, i.HealthCheckURL)
		dst = appendText(dst, `,"secureHealthCheckUrl":`, i.SecureHealthCheckURL)
	}
	dst = appendText(dst, `,"vipAddress":`, i.VIPAddress)
	dst = appendText(dst, `,"secureVipAddress":`, i.SecureVIPAddress)
	if compact {
		dst = appendInt(append(dst, `,"lastUpdatedTimestamp":`...), i.LastUpdated)
	} else {
		dst = append(dst, `,"isCoordinatingDiscoveryServer":"`...)
		dst = strconv.AppendBool(dst, i.Coordinating)
		dst = appendInt(append(dst, `","lastUpdatedTimestamp":"`...), i.LastUpdated)
		dst = appendInt(append(dst, `","lastDirtyTimestamp":"`...), i.LastDirty)
		dst = append(dst, '"')
	}
	dst = appendText(dst, `,"actionType":`, i.Action.String())
	dst = appendText(dst, `,"asgName":`, i.ASGName)
	return append(dst, '}')
}

func appendJSONPort(dst []byte, p Port) []byte {
	dst = appendInt(append(dst, `{"$":`...), int64(p.Number))
	dst = append(dst, `,"@enabled":"`...)
	dst = strconv.AppendBool(dst, p.Enabled)
	return append(dst, `"}`...)
}

func appendJSONDataCenter(dst []byte, c *DataCenter, compact bool) []byte {
	dst = append(dst, `,"dataCenterInfo":{"@class":"`...)
	dst = append(dst, class(c)...)
	dst = append(dst, `","name":"`...)
	dst = append(dst, name(c)...)
	dst = append(dst, '"')
	if c.Name == Amazon {
		dst = append(dst, `,"metadata":`...)
		dst = appendJSONMetadata(dst, c.Metadata, compact)
	}
	return append(dst, '}')
}

func appendJSONLease(dst []byte, l *Lease) []byte {
	dst = appendInt(append(dst, `,"leaseInfo":{"renewalIntervalInSecs":`...), int64(l.RenewalInterval))
	dst = appendInt(append(dst, `,"durationInSecs":`...), int64(l.Duration))
	dst = appendInt(append(dst, `,"registrationTimestamp":`...), l.Registration)
	dst = appendInt(append(dst, `,"lastRenewalTimestamp":`...), l.LastRenewal)
	dst = appendInt(append(dst, `,"evictionTimestamp":`...), l.Eviction)
	dst = appendInt(append(dst, `,"serviceUpTimestamp":`...), l.ServiceUp)
	return append(dst, '}')
}

func appendJSONMetadata(dst []byte, m discovery.Metadata, compactAmazon bool) []byte {
	dst = append(dst, '{')
	first := true
	for i := range m {
		if compactAmazon && !keptCompact(m[i].Key) {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = appendString(dst, m[i].Key)
		dst = append(dst, ':')
		dst = appendString(dst, m[i].Value)
	}
	return append(dst, '}')
}

// appendText appends a member, unless its value is empty: absent stays absent.
func appendText(dst []byte, key, value string) []byte {
	if value == "" {
		return dst
	}
	return appendString(append(dst, key...), value)
}

func appendInt(dst []byte, n int64) []byte { return strconv.AppendInt(dst, n, 10) }

// appendString appends a JSON string. Bytes that are not UTF-8 become U+FFFD.
func appendString(dst []byte, text string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	from := 0
	for i := 0; i < len(text); {
		c := text[i]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(text[i:])
			if r == utf8.RuneError && size == 1 {
				dst = append(append(dst, text[from:i]...), "\uFFFD"...)
				from = i + 1
			}
			i += size
			continue
		}
		if c >= ' ' && c != '"' && c != '\\' {
			i++
			continue
		}
		dst = append(dst, text[from:i]...)
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, `\n`...)
		case '\r':
			dst = append(dst, `\r`...)
		case '\t':
			dst = append(dst, `\t`...)
		default:
			dst = append(dst, `\u00`...)
			dst = append(dst, hex[c>>4], hex[c&15])
		}
		i++
		from = i
	}
	return append(append(dst, text[from:]...), '"')
}

// country is always 1 in practice; readers that insist on a number get one.
func country(i *Instance) int {
	if i.CountryID == 0 {
		return unsaid.CountryID
	}
	return i.CountryID
}

// sid is written only when it says something, as Netflix does.
func sid(i *Instance) string {
	if i.SID == "na" || i.SID == "unknown" {
		return ""
	}
	return i.SID
}

// name is the data centre's name as strict readers know it.
func name(c *DataCenter) string {
	if c.Name == Amazon || c.Name == Netflix {
		return c.Name
	}
	return MyOwn
}

// class is the Java class that readers expect with the name. The second one does not exist; everybody sends it.
func class(c *DataCenter) string {
	if c.Name == Amazon {
		return "com.netflix.appinfo.AmazonInfo"
	}
	return "com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo"
}

// keptCompact reports which Amazon metadata the compact form keeps.
func keptCompact(key string) bool {
	switch key {
	case "instance-id", "public-ipv4", "public-hostname", "local-ipv4", "availability-zone":
		return true
	}
	return false
}
