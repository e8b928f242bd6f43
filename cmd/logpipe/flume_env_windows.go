package main

import "os"

func killGroup(p *os.Process) error { return p.Kill() }

func setMask(int) {}
