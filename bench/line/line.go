// A line between two network namespaces: one TUN device at each end, and this process between them, which gives every packet a rate,
// a delay and a chance to be lost. For kernels without netem.
//
//	line <namespace> <address/prefix> <namespace> <address/prefix>
//
// Each line on standard input is a condition as JSON (see type condition); it holds from then on, and the answer on standard output is a
// line of JSON with what has passed so far, a [direction, direction] pair of counters. An empty condition changes nothing. The process
// and its devices end with standard input.
//
// What it models, for each direction by itself: a bounded queue that drops at its tail, a link that sends at `mbits` and loses packets at
// random after it has spent time on them, then the way itself: half of `rttMs`, and up to `jitterMs` more, in order. A seed makes losses
// repeat as far as packets do.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

const (
	mtu = 1500
	// Packets on their way and in the queue: 1 Gbit/s for 200 ms.
	maxUnderWay = 1 << 15
	// A sleep shorter than this isn't worth a system call: the packet goes now.
	sleepGrain = 60 * time.Microsecond
)

// The number of setns(2), which the syscall package lacks.
var sysSetns = map[string]uintptr{"amd64": 308, "arm64": 268}[runtime.GOARCH]

type condition struct {
	// Of IP packets; what a cable adds to them isn't counted.
	Mbits    float64 `json:"mbits"`
	RttMs    float64 `json:"rttMs"`
	JitterMs float64 `json:"jitterMs"`
	// Share of packets, 0 to 1.
	Loss float64 `json:"loss"`
	// What the queue holds, as time at the line's rate.
	QueueMs float64 `json:"queueMs"`
	Seed    uint64  `json:"seed"`
}

type counters struct {
	// What went over the link, whether or not it was lost then.
	Packets uint64 `json:"packets"`
	Bytes   uint64 `json:"bytes"`
	Lost    uint64 `json:"lost"`
	// What the queue had no room for.
	Dropped uint64 `json:"dropped"`
	// What this process had no room for: the measurement is void.
	Overrun uint64 `json:"overrun"`
	// The longest that a packet left later than it should have, in microseconds, since the counters were read last.
	LateUs int64 `json:"lateUs"`
}

type packet struct {
	due   time.Time
	bytes []byte
}

type direction struct {
	mutex     sync.Mutex
	condition condition
	random    *rand.Rand
	// When the link has sent all that it has taken.
	free time.Time
	// No packet overtakes another.
	lastDue  time.Time
	counters counters
	lateUs   atomic.Int64
	underWay chan packet
}

// set makes a condition hold from now on.
func (d *direction) set(c condition, stream uint64) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	d.condition = c
	d.random = rand.New(rand.NewPCG(c.Seed, stream))
}

func (d *direction) read() counters {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	c := d.counters
	c.LateUs = d.lateUs.Swap(0)
	return c
}

// take decides what happens to a packet that has come in, and sends it on its way.
func (d *direction) take(bytes []byte) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	now, c := time.Now(), &d.condition
	if d.free.Before(now) {
		d.free = now
	}
	if d.free.Sub(now) > millis(c.QueueMs) {
		d.counters.Dropped++
		return
	}
	d.free = d.free.Add(time.Duration(float64(len(bytes)) * 8000 / c.Mbits))
	d.counters.Packets++
	d.counters.Bytes += uint64(len(bytes))
	if d.random.Float64() < c.Loss {
		d.counters.Lost++
		return
	}
	due := d.free.Add(millis(c.RttMs/2 + d.random.Float64()*c.JitterMs))
	if due.Before(d.lastDue) {
		due = d.lastDue
	}
	d.lastDue = due
	select {
	case d.underWay <- packet{due, append([]byte(nil), bytes...)}:
	default:
		d.counters.Overrun++
	}
}

// late keeps the longest delay that wasn't meant.
func (d *direction) late(us int64) {
	if us > d.lateUs.Load() {
		d.lateUs.Store(us)
	}
}

// carry moves packets from one device to the other, for ever.
func (d *direction) carry(from, to int) {
	go func() {
		buffer := make([]byte, mtu)
		for {
			n, err := syscall.Read(from, buffer)
			check(err)
			d.take(buffer[:n])
		}
	}()
	// A thread of its own: the runtime's timers are a millisecond off, nanosleep a twentieth of that.
	runtime.LockOSThread()
	for p := range d.underWay {
		for wait := time.Until(p.due); wait > sleepGrain; wait = time.Until(p.due) {
			sleep := syscall.NsecToTimespec(wait.Nanoseconds())
			_ = syscall.Nanosleep(&sleep, nil) // Interrupted by a signal it sleeps again.
		}
		d.late(time.Since(p.due).Microseconds())
		// A full or closed device loses packets, as one would on a real host.
		_, _ = syscall.Write(to, p.bytes)
	}
}

// device makes a TUN device in a namespace and returns its file.
func device(namespace, address string) int {
	result := make(chan int)
	go func() {
		// The thread stays in that namespace, so it has to end with the goroutine.
		runtime.LockOSThread()
		space, err := syscall.Open("/run/netns/"+namespace, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
		check(err)
		_, _, failed := syscall.RawSyscall(sysSetns, uintptr(space), syscall.CLONE_NEWNET, 0)
		check(errno(failed))
		check(syscall.Close(space))
		file, err := syscall.Open("/dev/net/tun", syscall.O_RDWR|syscall.O_CLOEXEC, 0)
		check(err)
		var request struct {
			name  [syscall.IFNAMSIZ]byte
			flags uint16
			_     [22]byte
		}
		copy(request.name[:], "line0")
		request.flags = syscall.IFF_TUN | syscall.IFF_NO_PI
		_, _, failed = syscall.Syscall(syscall.SYS_IOCTL, uintptr(file), syscall.TUNSETIFF, uintptr(unsafe.Pointer(&request)))
		check(errno(failed))
		result <- file
	}()
	file := <-result
	// Packets wait in the queue that is modelled, not in the device's.
	ip(namespace, "address", "add", address, "dev", "line0")
	ip(namespace, "link", "set", "line0", "mtu", fmt.Sprint(mtu), "txqueuelen", "10000", "up")
	return file
}

func ip(namespace string, words ...string) {
	output, err := exec.Command("ip", append([]string{"-n", namespace}, words...)...).CombinedOutput()
	if err != nil {
		check(fmt.Errorf("ip %s: %w: %s", strings.Join(words, " "), err, output))
	}
}

func millis(ms float64) time.Duration { return time.Duration(ms * float64(time.Millisecond)) }

func errno(failed syscall.Errno) error {
	if failed == 0 {
		return nil
	}
	return failed
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "line:", err)
		os.Exit(1)
	}
}

func main() {
	if len(os.Args) != 5 {
		check(fmt.Errorf("usage: line <namespace> <address/prefix> <namespace> <address/prefix>"))
	}
	here, there := device(os.Args[1], os.Args[2]), device(os.Args[3], os.Args[4])
	ways := [2]*direction{}
	for i := range ways {
		ways[i] = &direction{underWay: make(chan packet, maxUnderWay)}
		ways[i].set(condition{Mbits: 1000, QueueMs: 100}, uint64(i))
	}
	go ways[0].carry(here, there)
	go ways[1].carry(there, here)
	input, output := bufio.NewScanner(os.Stdin), json.NewEncoder(os.Stdout)
	for input.Scan() {
		var next *condition
		check(json.Unmarshal(input.Bytes(), &next))
		if next != nil {
			for i, way := range ways {
				way.set(*next, uint64(i))
			}
		}
		check(output.Encode([2]counters{ways[0].read(), ways[1].read()}))
	}
}
