// Package wire is the documents that Eureka servers and clients exchange, decoded and encoded by hand: a registry of ten
// thousand instances is read every half minute by every client, so this is the hottest code of the project.
//
//	registry, err := wire.DecodeApplications(body)                 // {"applications":{…}}
//	instance, err := wire.DecodeInstance(body)                     // {"instance":{…}}
//	body = wire.AppendInstance(nil, instance)                      // the canonical form, which the strictest reader takes
//	body = wire.CompactXML.AppendApplications(nil, registry)       // or in any other [Format]
//
// # What is read
//
// Syntax is strict: JSON must be valid, XML well-formed, and neither may nest deeper than [MaxDepth]. What the syntax
// carries is read as leniently as possible, since registries hold what many kinds of client once sent: one object where a
// list belongs, numbers and flags as text and the other way round, nulls anywhere, ports in every shape, unknown fields.
// A value that makes no sense counts as absent. Bytes that are not UTF-8 become U+FFFD, as in encoding/json, so that
// one garbled instance does not hide the others. What is absent has the value that Netflix's InstanceInfo gives it:
// see [NewInstance]. Only an instance without any id is left out, and counted in [Applications.Skipped].
//
// Strings are copied out of the document, which the caller may reuse; those that repeat (applications, VIPs, metadata)
// are held once.
//
// # What is written
//
// Root-wrapped, lists always as lists, no null, no field that a strict reader does not know, flags and times as text where
// Netflix's servers write text.
package wire
