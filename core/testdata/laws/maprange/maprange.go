// Package maprange shows the order of a map.
package maprange

type table map[string]int

// Names differ from run to run.
func Names(counts table) (names []string) {
	for name := range counts { // want "law 4"
		names = append(names, name)
	}
	return names
}

// Values hide the map behind a type parameter.
func Values[M ~map[K]V, K comparable, V any](m M) (values []V) {
	for _, value := range m { // want "law 4"
		values = append(values, value)
	}
	return values
}
