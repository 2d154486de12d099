import Planted

// Each sanitizer sees one of the two.
print(Count(takesTurns: false).counted(), byte(afterItsEnd: true))
