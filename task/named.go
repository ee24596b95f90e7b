package task

import "github.com/google/uuid"

// NamedID returns the ID of the task for something that has a name of its own, such
// as "invoice-42": the same for the same name. A second task with it is ErrDuplicate
// in the same queue for as long as the first one waits, runs or is kept, which after
// its end is its Retention. For other languages: it is the UUIDv5 of the name in the
// namespace 693e42f1-8171-5cb9-bb96-5cd26e5c0104.
func NamedID(name string) uuid.UUID {
	namespace := uuid.UUID{0x69, 0x3e, 0x42, 0xf1, 0x81, 0x71, 0x5c, 0xb9, 0xbb, 0x96, 0x5c, 0xd2, 0x6e, 0x5c, 0x01, 0x04}
	return uuid.NewSHA1(namespace, []byte(name))
}
