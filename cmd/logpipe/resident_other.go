//go:build !linux

package main

// forgetStart is for systems that tell what of a program is resident.
func forgetStart() {}
