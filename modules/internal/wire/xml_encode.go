package wire

import (
	"strconv"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/archimedes-go/archimedes/modules/discovery"
)

// appendXML appends instance as an element.
func appendXML(dst []byte, i *Instance, compact bool) []byte {
	dst = append(dst, "<instance>"...)
	dst = appendOptional(dst, "instanceId", i.InstanceID)
	dst = appendElement(dst, "hostName", i.HostName)
	dst = appendElement(dst, "app", i.App)
	dst = appendElement(dst, "ipAddr", i.IPAddr)
	dst = appendElement(dst, "status", i.Status.String())
	if !compact {
		dst = appendElement(dst, "overriddenstatus", i.OverriddenStatus.String())
	}
	dst = appendXMLPort(dst, "port", i.Port)
	dst = appendXMLPort(dst, "securePort", i.SecurePort)
	if !compact {
		dst = appendNumber(dst, "countryId", int64(country(i)))
		dst = appendOptional(dst, "appGroupName", i.AppGroupName)
		dst = appendOptional(dst, "sid", sid(i))
	}
	dst = appendXMLDataCenter(dst, &i.DataCenter, compact)
	if !compact {
		dst = appendXMLLease(dst, &i.Lease)
		dst = appendXMLMetadata(dst, i.Metadata, false)
		dst = appendOptional(dst, "homePageUrl", i.HomePageURL)
		dst = appendOptional(dst, "statusPageUrl", i.StatusPageURL)
		dst = appendOptional(dst, "healthCheckUrl", i.HealthCheckURL)
		dst = appendOptional(dst, "secureHealthCheckUrl", i.SecureHealthCheckURL)
	}
	dst = appendOptional(dst, "vipAddress", i.VIPAddress)
	dst = appendOptional(dst, "secureVipAddress", i.SecureVIPAddress)
	if !compact {
		dst = appendElement(dst, "isCoordinatingDiscoveryServer", strconv.FormatBool(i.Coordinating))
	}
	dst = appendNumber(dst, "lastUpdatedTimestamp", i.LastUpdated)
	if !compact {
		dst = appendNumber(dst, "lastDirtyTimestamp", i.LastDirty)
	}
	dst = appendOptional(dst, "actionType", i.Action.String())
	dst = appendOptional(dst, "asgName", i.ASGName)
	return append(dst, "</instance>"...)
}

func appendXMLPort(dst []byte, tag string, p Port) []byte {
	dst = append(append(dst, '<'), tag...)
	dst = append(dst, ` enabled="`...)
	dst = strconv.AppendBool(dst, p.Enabled)
	dst = appendInt(append(dst, `">`...), int64(p.Number))
	return appendClose(dst, tag)
}

// appendXMLDataCenter writes the name before the metadata: Netflix's reader needs it first.
func appendXMLDataCenter(dst []byte, c *DataCenter, compact bool) []byte {
	dst = append(dst, `<dataCenterInfo class="`...)
	dst = append(dst, class(c)...)
	dst = append(dst, `">`...)
	dst = appendElement(dst, "name", name(c))
	if c.Name == Amazon {
		dst = appendXMLMetadata(dst, c.Metadata, compact)
	}
	return append(dst, "</dataCenterInfo>"...)
}

func appendXMLLease(dst []byte, l *Lease) []byte {
	dst = append(dst, "<leaseInfo>"...)
	dst = appendNumber(dst, "renewalIntervalInSecs", int64(l.RenewalInterval))
	dst = appendNumber(dst, "durationInSecs", int64(l.Duration))
	dst = appendNumber(dst, "registrationTimestamp", l.Registration)
	dst = appendNumber(dst, "lastRenewalTimestamp", l.LastRenewal)
	dst = appendNumber(dst, "evictionTimestamp", l.Eviction)
	dst = appendNumber(dst, "serviceUpTimestamp", l.ServiceUp)
	return append(dst, "</leaseInfo>"...)
}

// appendXMLMetadata writes every key as an element, escaped so that it can be one. Only the empty key cannot.
func appendXMLMetadata(dst []byte, m discovery.Metadata, compactAmazon bool) []byte {
	dst = append(dst, "<metadata"...)
	empty := true
	for i := range m {
		if m[i].Key == "" || compactAmazon && !keptCompact(m[i].Key) {
			continue
		}
		if empty {
			dst = append(dst, '>')
			empty = false
		}
		dst = appendName(append(dst, '<'), m[i].Key)
		dst = appendEscaped(append(dst, '>'), m[i].Value)
		dst = appendName(append(dst, "</"...), m[i].Key)
		dst = append(dst, '>')
	}
	if empty {
		return append(dst, ` class="`+emptyMap+`"/>`...)
	}
	return append(dst, "</metadata>"...)
}

// appendName appends a metadata key as the name of an element, by the rules of XStream's XmlFriendlyNameCoder: _ is __,
// $ is _-, anything else that a name cannot hold is _. and four digits. The colon is escaped too, though names can hold
// it: readers that know namespaces fail on it.
func appendName(dst []byte, key string) []byte {
	for i, r := range key {
		switch {
		case r == '_':
			dst = append(dst, "__"...)
		case r == '$':
			dst = append(dst, "_-"...)
		case nameRune(r, i == 0):
			dst = utf8.AppendRune(dst, r)
		case r > 0xFFFF:
			high, low := utf16.EncodeRune(r)
			dst = appendHex(appendHex(dst, high), low)
		default:
			dst = appendHex(dst, r)
		}
	}
	return dst
}

func appendHex(dst []byte, r rune) []byte {
	const hex = "0123456789abcdef"
	return append(dst, '_', '.', hex[r>>12&15], hex[r>>8&15], hex[r>>4&15], hex[r&15])
}

// nameRune reports whether the name of an element may hold r. Beyond ASCII it is stricter than XML, so that every
// reader agrees.
func nameRune(r rune, first bool) bool {
	if 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' {
		return true
	}
	return !first && ('0' <= r && r <= '9' || r == '-' || r == '.')
}

func appendElement(dst []byte, tag, text string) []byte {
	dst = append(append(dst, '<'), tag...)
	dst = appendEscaped(append(dst, '>'), text)
	return appendClose(dst, tag)
}

// appendOptional appends an element, unless its text is empty: absent stays absent.
func appendOptional(dst []byte, tag, text string) []byte {
	if text == "" {
		return dst
	}
	return appendElement(dst, tag, text)
}

func appendNumber(dst []byte, tag string, n int64) []byte {
	dst = append(append(dst, '<'), tag...)
	dst = appendInt(append(dst, '>'), n)
	return appendClose(dst, tag)
}

func appendClose(dst []byte, tag string) []byte {
	dst = append(append(dst, "</"...), tag...)
	return append(dst, '>')
}

// appendEscaped appends the text of an element. What XML cannot hold at all, and bytes that are not UTF-8, become U+FFFD.
func appendEscaped(dst []byte, text string) []byte {
	from := 0
	for i := 0; i < len(text); {
		entity, size := "", 1
		switch c := text[i]; {
		case c == '&':
			entity = "&amp;"
		case c == '<':
			entity = "&lt;"
		case c == '>':
			entity = "&gt;"
		case c == '"':
			entity = "&quot;" // some readers keep entities as they stand: it must be the one that Netflix writes
		case c == '\'':
			entity = "&apos;"
		case c == '\r':
			entity = "&#xd;" // a bare one would be read as a line feed
		case c < ' ' && c != '\t' && c != '\n':
			entity = "\uFFFD"
		case c >= utf8.RuneSelf:
			var r rune
			if r, size = utf8.DecodeRuneInString(text[i:]); !textRune(r) || r == utf8.RuneError && size == 1 {
				entity = "\uFFFD"
			}
		}
		if entity != "" {
			dst = append(append(dst, text[from:i]...), entity...)
			from = i + size
		}
		i += size
	}
	return append(dst, text[from:]...)
}

// textRune reports whether XML can hold r (XML 1.0, production 2).
func textRune(r rune) bool {
	return r == '\t' || r == '\n' || r == '\r' || ' ' <= r && r <= 0xD7FF || 0xE000 <= r && r <= 0xFFFD || r >= 0x10000
}
