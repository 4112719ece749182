import { beforeEach, describe, expect, it } from 'vitest'
import { ManualClock } from '../wire/manual-clock.ts'
import { GoodputMeter } from './goodput-meter.ts'
import { PathMemory } from './path-memory.ts'

const peer = new Uint8Array(32).fill(1)
const MINUTE = 60_000

let clock: ManualClock
let memory: PathMemory
beforeEach(() => {
  clock = new ManualClock()
  memory = new PathMemory(clock)
})

/** Connects and measures; whether another way should be taken. */
function use(way: 'tls' | 'udp', bytesPerSecond: number): boolean {
  memory.connected(peer, way)
  return memory.measured(peer, way, bytesPerSecond)
}

describe('PathMemory', () => {
  it('lets TLS go first, and UDP follow soon', () => {
    expect(memory.order(peer)).toEqual({ first: 'tls', otherAfterMs: 250 })
  })

  it('begins with the way that works, for a while', () => {
    memory.failed(peer, 'tls')
    memory.connected(peer, 'udp')
    expect(memory.order(peer)).toEqual({ first: 'udp', otherAfterMs: 2000 })
    clock.advance(6 * MINUTE)
    expect(memory.order(peer).first).toBe('tls')
  })

  it('stays with TLS that does well, or on a LAN', () => {
    expect(use('tls', 50e6)).toBe(false)
    memory.roundTrip(peer, 'tls', 1)
    expect(use('tls', 1e5)).toBe(false)
    expect(memory.order(peer).first).toBe('tls')
  })

  it('tries UDP once where TLS moves little, and keeps it where it is clearly better', () => {
    expect(use('tls', 4e5)).toBe(true)
    expect(memory.order(peer)).toEqual({ first: 'udp', otherAfterMs: 2000 })
    clock.advance(MINUTE)
    expect(use('udp', 6e6)).toBe(false)
    expect(memory.order(peer).first).toBe('udp')
    expect(memory.known(peer)).toEqual({ way: 'udp', relayed: false, goodput: 6e6 })
  })

  it('tries UDP with all new connections until it is measured, or fails', () => {
    expect(use('tls', 4e5)).toBe(true)
    memory.connected(peer, 'udp')
    expect(memory.order(peer).first).toBe('udp')
    memory.failed(peer, 'udp')
    expect(use('tls', 4e5)).toBe(false)
    expect(memory.order(peer).first).toBe('tls')
  })

  it('has nothing to try where there is but one way', () => {
    memory.connected(peer, 'tls')
    expect(memory.measured(peer, 'tls', 4e5, true)).toBe(false)
    expect(memory.order(peer).first).toBe('tls')
    expect(memory.known(peer)?.goodput).toBe(4e5)
  })

  it('goes back to TLS where UDP is no better', () => {
    expect(use('tls', 4e5)).toBe(true)
    clock.advance(MINUTE)
    expect(use('udp', 4.5e5)).toBe(true)
    expect(memory.order(peer).first).toBe('tls')
    clock.advance(MINUTE)
    expect(use('tls', 4e5)).toBe(false)
  })

  it('changes once in half a minute at most', () => {
    expect(use('tls', 4e5)).toBe(true)
    clock.advance(10_000)
    expect(use('udp', 1e5)).toBe(false)
    clock.advance(20_000)
    expect(use('udp', 1e5)).toBe(true)
  })

  it('does not try a way again that failed a moment ago', () => {
    memory.failed(peer, 'udp')
    expect(use('tls', 4e5)).toBe(false)
    expect(memory.order(peer).first).toBe('tls')
  })

  it('forgets what was measured long ago, and everything after a move', () => {
    use('tls', 4e5)
    use('udp', 6e6)
    expect(memory.order(peer).first).toBe('udp')
    clock.advance(31 * MINUTE)
    expect(memory.order(peer).first).toBe('tls')
    use('udp', 6e6)
    memory.forget()
    expect(memory.known(peer)).toBeUndefined()
  })

  it('goes on with what another process knew', () => {
    use('tls', 4e5)
    use('udp', 6e6)
    memory.failed(new Uint8Array(32), 'tls')
    const later = new PathMemory(clock)
    later.recall(memory.keep(), 4 * MINUTE)
    expect(later.known(peer)).toEqual({ way: 'udp', relayed: false, goodput: 6e6 })
    expect(later.order(new Uint8Array(32)).first).toBe('udp')
    clock.advance(2 * MINUTE)
    expect(later.order(new Uint8Array(32)).first).toBe('tls')
    expect(later.order(peer).first).toBe('udp')
  })

  it('keeps a bounded number of peers', () => {
    for (let i = 0; i < 5000; i++) {
      const other = new Uint8Array(32)
      new DataView(other.buffer).setUint32(0, i)
      memory.failed(other, 'tls')
    }
    expect(memory.order(new Uint8Array(32)).first).toBe('tls')
  })
})

describe('GoodputMeter', () => {
  it('counts the time in which bodies are under way', () => {
    const samples: number[] = []
    const meter = new GoodputMeter(
      () => clock.now(),
      (sample) => samples.push(sample),
    )
    const first = meter.begin()
    clock.advance(500)
    const second = meter.begin()
    clock.advance(500)
    first.end(512 * 1024)
    second.end(256 * 1024)
    clock.advance(10_000)
    expect(samples).toEqual([])
    const third = meter.begin()
    clock.advance(900)
    third.end(256 * 1024)
    expect(samples).toEqual([(1024 * 1024) / 1.9])
  })

  it('has a sample of a slow body before it is over, and counts nothing twice', () => {
    const samples: number[] = []
    const meter = new GoodputMeter(
      () => clock.now(),
      (sample) => samples.push(sample),
    )
    const body = meter.begin()
    for (const second of [1, 2, 3]) {
      clock.advance(1000)
      body.moved(second * 1000)
    }
    expect(samples).toEqual([1000])
    clock.advance(1000)
    body.end()
    expect(samples).toEqual([1000, 500])
  })
})
