/**
 * Multicast DNS on one interface. Invariant: what strangers in the LAN send costs a bounded time: large packets and floods are dropped
 * before anything is parsed.
 */
import { createSocket } from 'node:dgram'
import multicastDns from 'multicast-dns'
import type { MulticastDns, Packet, Resource } from 'multicast-dns'
import { systemClock } from '../wire/clock.ts'

/** Ours have some 200 bytes each; the time to parse a packet may grow with the square of its size. */
const MAX_PACKET_BYTES = 1_500
/** On a LAN with many printers some tens. */
const MAX_PACKETS_PER_SECOND = 200
/** Records of one packet that are looked at. */
const MAX_RECORDS = 64
/** Answers are for all: of those who ask within this time, ms, all but the first share the next one. */
const ANSWER_MS = 250

export interface LanSocketOptions {
  readonly port: number
  /** IPv4 address of the interface. */
  readonly address: string
  /** What to answer to a question for this name; undefined where it isn't ours. */
  readonly answer: (name: string) => Resource | undefined
  readonly onRecord: (record: Resource, from: string) => void
  /** It can't be used, or not at the moment. */
  readonly onFailure: (error: Error) => void
}

export class LanSocket {
  readonly #mdns: MulticastDns
  readonly #options: LanSocketOptions
  /** Answers that are to come, or were a moment ago: what cancels the timer, by name. */
  readonly #resting = new Map<string, { isAsked: boolean; readonly cancel: () => void }>()

  constructor(options: LanSocketOptions) {
    this.#options = options
    const { port, address } = options
    const socket = createSocket({ type: 'udp4', reuseAddr: true })
    const emit = socket.emit.bind(socket) as (event: string, ...values: unknown[]) => boolean
    const isTooMuch = floodGate()
    socket.emit = (event: string, ...values: unknown[]): boolean => {
      const [packet] = values
      if (event === 'message' && packet instanceof Uint8Array && isTooMuch(packet.length)) return true
      return emit(event, ...values)
    }
    // Bound to all addresses: a socket bound to one doesn't get what is sent to the group.
    this.#mdns = multicastDns({ socket, port, interface: address, bind: '0.0.0.0' })
    this.#mdns.on('error', options.onFailure)
    this.#mdns.on('warning', options.onFailure)
    this.#mdns.on('query', (packet) => this.#onQuery(packet))
    this.#mdns.on('response', ({ answers }, from) => {
      for (const record of answers.slice(0, MAX_RECORDS)) options.onRecord(record, from.address)
    })
  }

  ask(name: string): void {
    this.#mdns.query([{ name, type: 'TXT' }], this.#told)
  }

  tell(record: Resource): void {
    this.#mdns.respond([record], this.#told)
  }

  close(): Promise<void> {
    for (const { cancel } of this.#resting.values()) cancel()
    return new Promise((resolve) => this.#mdns.destroy(resolve))
  }

  readonly #told = (error?: Error | null): void => {
    if (error !== undefined && error !== null) this.#options.onFailure(error)
  }

  #onQuery({ questions }: Packet): void {
    for (const { name, type } of questions.slice(0, MAX_RECORDS)) {
      if (type !== 'TXT' && type !== 'ANY') continue
      const record = this.#options.answer(name)
      if (record !== undefined) this.#answer(record)
    }
  }

  #answer(record: Resource): void {
    const resting = this.#resting.get(record.name)
    if (resting !== undefined) {
      resting.isAsked = true
      return
    }
    this.tell(record)
    const cancel = systemClock.after(ANSWER_MS, () => {
      const isAsked = this.#resting.get(record.name)?.isAsked === true
      this.#resting.delete(record.name)
      if (isAsked) this.#answer(record)
    })
    this.#resting.set(record.name, { isAsked: false, cancel })
  }
}

/** Whether a packet of this size is one too many. */
function floodGate(): (bytes: number) => boolean {
  let since = 0
  let packets = 0
  return (bytes) => {
    const now = systemClock.now()
    if (now - since >= 1_000) {
      since = now
      packets = 0
    }
    return bytes > MAX_PACKET_BYTES || ++packets > MAX_PACKETS_PER_SECOND
  }
}
