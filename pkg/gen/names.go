package gen

// firstNames are by gender: 0 female, 1 male.
var firstNames = [2][]string{
	{"Paula", "Mary", "Linda", "Susan", "Karen", "Nancy", "Lisa", "Betty", "Sandra", "Donna", "Carol", "Ruth",
		"Sharon", "Michelle", "Laura", "Sarah", "Kimberly", "Deborah", "Jessica", "Cynthia", "Angela", "Melissa",
		"Brenda", "Amy", "Anna", "Rebecca", "Virginia", "Kathleen", "Pamela", "Martha"},
	{"James", "John", "Robert", "Michael", "William", "David", "Richard", "Charles", "Joseph", "Thomas",
		"Christopher", "Daniel", "Paul", "Mark", "Donald", "George", "Kenneth", "Steven", "Edward", "Brian",
		"Ronald", "Anthony", "Kevin", "Jason", "Gregory", "Timothy", "Jose", "Larry", "Jeffrey", "Frank"},
}

var lastNames = []string{"Smith", "Johnson", "Williams", "Jones", "Brown", "Davis", "Miller", "Wilson", "Moore",
	"Taylor", "Anderson", "Jackson", "White", "Harris", "Martin", "Thompson", "Garcia", "Martinez", "Robinson",
	"Clark", "Rodriguez", "Lewis", "Lee", "Walker", "Hall", "Allen", "Young", "Hernandez", "King", "Wright",
	"Lopez", "Hill", "Green", "Adams", "Baker", "Nelson", "Carter", "Mitchell", "Perez", "Roberts", "Peltier",
	"Koval", "Novak", "Okafor", "Nguyen", "Schneider"}

var streetAdjectives = []string{"Easy", "Quiet", "Golden", "Silver", "Misty", "Sunny", "Hidden", "Round", "Old",
	"Shady", "Lost", "Amber", "Crystal", "Rustic", "Stony", "Velvet", "Wishing", "Bright", "Cotton", "Dusty"}

var streetNouns = []string{"Gate", "Cider", "Pony", "Forest", "Meadow", "River", "Mountain", "Oak", "Bear", "Deer",
	"Lake", "Willow", "Elk", "Fox", "Goose", "Butterfly", "Pioneer", "Barn", "Timber", "Apple"}

var streetKinds = []string{"Bend", "Street", "Avenue", "Lane", "Road", "Drive", "Court", "Grove", "Trail", "Circle",
	"Glen", "Heights", "Point", "Terrace", "View", "Way"}
