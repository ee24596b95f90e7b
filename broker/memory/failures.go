package memory

// failures gathers the errors of a call about n elements. It stays empty when
// all goes well.
type failures struct {
	n    int
	errs []error
}

func (f *failures) add(i int, err error) {
	if err == nil {
		return
	}
	if f.errs == nil {
		f.errs = make([]error, f.n)
	}
	f.errs[i] = err
}

func (f *failures) at(i int) error {
	if f.errs == nil {
		return nil
	}
	return f.errs[i]
}

// all returns the same error for each of n elements.
func all(n int, err error) []error {
	errs := make([]error, n)
	for i := range errs {
		errs[i] = err
	}
	return errs
}
