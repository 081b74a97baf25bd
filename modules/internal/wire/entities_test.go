package wire_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/archimedes-go/archimedes/modules/internal/wire"
)

func TestEntitiesOfADocumentsOwnAreRefused(t *testing.T) {
	for _, text := range []string{
		`<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><applications><versions__delta>&b;</versions__delta></applications>`,
		`<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/hostname">]><applications><versions__delta>&a;</versions__delta></applications>`,
		`<applications><versions__delta>&a;</versions__delta></applications>`,
	} {
		_, err := wire.DecodeApplicationsXML([]byte(text))
		require.Error(t, err, text)
	}
}
