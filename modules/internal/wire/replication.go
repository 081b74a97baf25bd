package wire

import "github.com/archimedes-go/archimedes/modules/discovery"

// Replicated is one change that a peer passes on (Netflix: ReplicationInstance).
type Replicated struct {
	Action           string // one of the Replicate… constants; whatever the peer sent otherwise
	App              string // upper case
	ID               string
	LastDirty        int64            // milliseconds since the epoch, 0 when absent
	Status           discovery.Status // Unknown when absent
	OverriddenStatus discovery.Status // Unknown when absent
	Instance         *Instance        // for ReplicateRegister; nil when absent
}

// What a peer can pass on.
const (
	ReplicateHeartbeat            = "Heartbeat"
	ReplicateRegister             = "Register"
	ReplicateCancel               = "Cancel"
	ReplicateStatusUpdate         = "StatusUpdate"
	ReplicateDeleteStatusOverride = "DeleteStatusOverride"
)

// ReplicationResult is the answer to one [Replicated].
type ReplicationResult struct {
	StatusCode int       // as the single request would have had
	Instance   *Instance // the entry stored, with 409; otherwise nil
}

// DecodeReplication reads the body of a replication batch, {"replicationList":[…]}. The sender matches answers to changes
// by their place, so an entry that makes no sense keeps its own, without an action. The error is a [*SyntaxError] or a
// [*ShapeError].
func DecodeReplication(data []byte) ([]Replicated, error) {
	d := newJSONDecoder(data)
	i := d.space(0)
	if d.peek(i) != '{' {
		return nil, newShapeError("replicationList", data)
	}
	var list []Replicated
	found := false
	i = d.enter(i)
	for first := true; ; first = false {
		key, at, more := d.member(i, first)
		if !more {
			i = at
			break
		}
		if string(key) != "replicationList" {
			i = d.skip(at)
			continue
		}
		found = d.peek(at) == '[' || d.peek(at) == '{'
		list = nil
		i = d.replications(&list, at)
	}
	if i = d.space(i); i >= 0 && i < len(data) {
		d.fail(i, "more after the end")
	}
	if d.err != nil {
		return nil, d.err
	}
	if !found {
		return nil, newShapeError("replicationList", data)
	}
	return list, nil
}

func (d *jsonDecoder) replications(list *[]Replicated, i int) int {
	if d.peek(i) != '[' {
		if d.peek(i) != '{' {
			return d.skip(i)
		}
		*list = append(*list, Replicated{})
		return d.replicated(&(*list)[0], i)
	}
	i = d.enter(i)
	for first := true; ; first = false {
		at, more := d.element(i, first)
		if !more {
			return at
		}
		*list = append(*list, Replicated{})
		i = d.replicated(&(*list)[len(*list)-1], at)
	}
}

// replicated reads the value at i.
func (d *jsonDecoder) replicated(r *Replicated, i int) int {
	*r = Replicated{Status: discovery.Unknown, OverriddenStatus: discovery.Unknown}
	if d.peek(i) != '{' {
		return d.skip(i)
	}
	i = d.enter(i)
	for first := true; ; first = false {
		key, at, more := d.member(i, first)
		if !more {
			return at
		}
		switch string(key) {
		case "action":
			i = d.interned(&r.Action, at, &repeat{})
		case "appName":
			i = d.upper(&r.App, at, &repeat{})
		case "id":
			i = d.copied(&r.ID, at)
		case "lastDirtyTimestamp":
			i = d.time(&r.LastDirty, at)
		case "status":
			i = d.status(&r.Status, discovery.Unknown, at)
		case "overriddenStatus":
			i = d.status(&r.OverriddenStatus, discovery.Unknown, at)
		case "instanceInfo":
			r.Instance = nil
			if d.peek(at) != '{' {
				i = d.skip(at)
				continue
			}
			r.Instance = d.instance()
			i = d.fields(r.Instance, at)
		default:
			i = d.skip(at)
		}
	}
}

// AppendReplicationResponse appends the answer to a replication batch, {"responseList":[…]}: one result for each
// change, in their order.
func AppendReplicationResponse(dst []byte, results []ReplicationResult) []byte {
	dst = append(dst, `{"responseList":[`...)
	for i, result := range results {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendInt(append(dst, `{"statusCode":`...), int64(result.StatusCode))
		if result.Instance != nil {
			dst = append(dst, `,"responseEntity":`...)
			dst = appendJSON(dst, result.Instance, false)
		}
		dst = append(dst, '}')
	}
	return append(dst, "]}"...)
}
