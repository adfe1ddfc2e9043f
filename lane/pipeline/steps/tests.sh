say() { echo "check: $*"; }
say "modules are as locked, beside vet and unit tests"
go mod verify &
verify=$!
go vet -mod=readonly ./...
make unit
wait "$verify"
# go.mod, go.sum and every other file are as committed.
if git status --porcelain | grep .; then
	say "these files are not as committed (rule B5)" >&2
	echo "hint: commit what the Go tools and the tests write" >&2
	exit 4
fi
say "nothing was written"
