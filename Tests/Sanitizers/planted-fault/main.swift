import Glibc
import Planted

// Each sanitizer sees one of the first two. The last is seen by one that looks although nothing at the end is run.
if CommandLine.arguments.contains("leak") {
  leak()
  _exit(0)
}
print(Count(takesTurns: false).counted(), byte(afterItsEnd: true))
