package counts

// What the tests in this folder reach of the inside.

const MaxDay = maxDay

var (
	ParseHits  = parseHits
	ParseStats = parseStats
	StatLines  = statLines
)
