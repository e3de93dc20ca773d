package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// forward carries connections from the host's network namespace into the cluster's: LISTEN is opened where we were
// started, then the process moves to the namespace file NETNS and dials TARGET from there. Tests, kubectl and IDEs on
// the host therefore need no privileges and no route into the cluster.
//
// The move holds for one OS thread only, so one goroutine is locked to that thread and does every dial; sockets keep
// the namespace they were born in, so everything else may run on any thread.
func forward(args []string) {
	if len(args) != 3 {
		fail("usage: forward LISTEN NETNS TARGET", nil)
	}
	listener, err := net.Listen("tcp", args[0])
	if err != nil {
		fail("listen", err)
	}
	accepted := make(chan *net.TCPConn)
	go accept(listener, accepted)
	runtime.LockOSThread()
	enter(args[1])
	target := parse(args[2])
	for client := range accepted {
		server, err := dial(target)
		if err != nil {
			fmt.Fprintln(os.Stderr, "dial:", err)
			_ = client.Close()
			continue
		}
		go pipe(client, server)
		go pipe(server, client)
	}
}

func accept(listener net.Listener, accepted chan<- *net.TCPConn) {
	for {
		connection, err := listener.Accept()
		if err != nil {
			fail("accept", err)
		}
		accepted <- connection.(*net.TCPConn)
	}
}

func enter(path string) {
	namespace, err := os.Open(path)
	if err != nil {
		fail("open namespace", err)
	}
	defer namespace.Close()
	if err := unix.Setns(int(namespace.Fd()), unix.CLONE_NEWNET); err != nil {
		fail("enter namespace", err)
	}
}

// dial makes the socket by plain system calls: net.Dial may run on another OS thread, which is still in the old namespace.
func dial(target *unix.SockaddrInet4) (*net.TCPConn, error) {
	descriptor, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	file := os.NewFile(uintptr(descriptor), "server")
	defer file.Close()
	if err := unix.Connect(descriptor, target); err != nil {
		return nil, err
	}
	connection, err := net.FileConn(file)
	if err != nil {
		return nil, err
	}
	return connection.(*net.TCPConn), nil
}

func parse(address string) *unix.SockaddrInet4 {
	resolved, err := net.ResolveTCPAddr("tcp4", address)
	if err != nil {
		fail("target", err)
	}
	target := &unix.SockaddrInet4{Port: resolved.Port}
	copy(target.Addr[:], resolved.IP.To4())
	return target
}

// pipe passes half a connection on, then says so, because watches and exec streams end one direction at a time.
func pipe(from, to *net.TCPConn) {
	_, err := io.Copy(to, from)
	if err != nil {
		_ = to.Close()
		_ = from.Close()
		return
	}
	_ = to.CloseWrite()
}

func fail(what string, err error) {
	fmt.Fprintln(os.Stderr, "forward:", what, err)
	os.Exit(1)
}
