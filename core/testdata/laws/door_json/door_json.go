// Package door_json reads JSON without going through core/json.
package door_json

import (
	"encoding/json" // want "law door"

	"github.com/tidwall/gjson" // want "law door"
)

// Read reads it twice.
func Read(data []byte) bool { return json.Valid(data) && gjson.ValidBytes(data) }
