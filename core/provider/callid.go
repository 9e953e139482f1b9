package provider

import (
	"strconv"
	"strings"
)

// callIDs gives the ids of tool calls a form that a provider accepts. The same
// id gives the same one in every request, so that what providers cache stays
// the same, and no two give one.
type callIDs struct {
	made  map[string]string // by the id as it came
	taken map[string]bool
}

func newCallIDs() *callIDs { return &callIDs{map[string]string{}, map[string]bool{}} }

const shortIDLength, shortIDAlphabet = 9, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

// short is the id in 9 letters and digits, as Mistral wants it.
func (c *callIDs) short(id string) string {
	if len(id) == shortIDLength && strings.Trim(id, shortIDAlphabet) == "" {
		return c.keep(id)
	}
	return c.once(id, func(salt uint64) string {
		hash := fnv(id, salt)
		var short strings.Builder
		for range shortIDLength {
			short.WriteByte(shortIDAlphabet[hash%uint64(len(shortIDAlphabet))])
			hash /= uint64(len(shortIDAlphabet))
		}
		return short.String()
	})
}

// plain is the id without anything but letters, digits, _ and -, as Anthropic
// wants it, and not longer than longest.
func (c *callIDs) plain(id string, longest int) string {
	clean := strings.Map(func(r rune) rune {
		if strings.ContainsRune(shortIDAlphabet+"_-", r) {
			return r
		}
		return '_'
	}, id)
	if clean == id && len(id) <= longest {
		return c.keep(id)
	}
	return c.once(id, func(salt uint64) string {
		end := "_" + strconv.FormatUint(fnv(id, salt), 36)
		return clean[:min(len(clean), longest-len(end))] + end
	})
}

// keep remembers an id that stays as it is, so that none is made that is the same.
func (c *callIDs) keep(id string) string {
	c.taken[id] = true
	return id
}

// once remembers what was made of an id, and makes another where two would be
// the same.
func (c *callIDs) once(id string, form func(salt uint64) string) string {
	if known := c.made[id]; known != "" {
		return known
	}
	for salt := uint64(0); ; salt++ {
		if made := form(salt); !c.taken[made] {
			c.made[id], c.taken[made] = made, true
			return made
		}
	}
}

// nameCalls gives the calls of a reply that came without an id one that the same
// reply always gives, and that no other call of it has: without, none of them
// could be answered. Of source, what is particular to the reply, the ids are made.
func nameCalls(source string, ids []string) []string {
	taken := map[string]bool{}
	for _, id := range ids {
		taken[id] = true
	}
	salt := uint64(0)
	for i := range ids {
		for ids[i] == "" {
			if made := "call_" + strconv.FormatUint(fnv(source, salt), 36); !taken[made] {
				ids[i], taken[made] = made, true
			}
			salt++
		}
	}
	return ids
}

// fnv is FNV-1a, 64 bits.
func fnv(text string, salt uint64) uint64 {
	hash := uint64(14695981039346656037) ^ salt
	for i := range len(text) {
		hash = (hash ^ uint64(text[i])) * 1099511628211
	}
	return hash
}
