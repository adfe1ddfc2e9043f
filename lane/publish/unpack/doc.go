// Package unpack brings the archives of a lock to this machine and unpacks them.
//
// Input is one tree of a lock and a folder for what is kept; output is a folder with
// the tree. A file is taken only if it has the sha256 that the lock says, whoever sent
// it; what was proved once is kept, by its sha256, and so are trees, by what decides
// about them. Processes may share the folder: nothing in it has its name before it is
// whole.
//
// The same lock gives the same tree: modes are 0644 or 0755, owners and times are
// nobody's, Debian's merge of /bin, /sbin and /lib into /usr is made. Refused are paths
// and links that leave the tree, devices, pipes and sockets, a path with two contents,
// and archives without end. Nothing of an archive is run.
package unpack
