/** A pool over a line: the tracker and six providers on the far host, a member on the near one, each command a process. */
import * as fs from 'node:fs'
import { HomePool } from '../../test/network/home-pool.ts'
import { expectSame, writeRandomFile } from '../end-to-end/inputs.ts'
import type { LineCondition, LineCounters } from '../line/line.ts'
import { Line } from '../line/line.ts'

const PROVIDERS = 6
/** Scheme 4+2: what a put sends for a byte, and a get doesn't. */
const EXPANSION = 6 / 4
const MEMBER = 'alice'

export interface Setting extends LineCondition {
  readonly transport: 'auto' | 'udp' | 'tls'
  readonly control: 'cubic' | 'bbr'
  readonly bytes: number
}

/** One transfer: its command's whole time, and what it made of the line in the direction of its data. */
export interface Transfer {
  readonly seconds: number
  /** Share of the line's rate that went over it, headers and repeats included. */
  readonly busy: number
  /** The same for the shards' (put) or the file's (get) bytes alone. */
  readonly useful: number
  /** Bytes of contents (put: with their parity), and those that the line carried in their direction. */
  readonly contents: number
  readonly carried: number
  readonly counted: Pick<LineCounters, 'lost' | 'dropped'>
  /** The longest that the line kept a packet back through the load of this machine, ms. */
  readonly lateMs: number
}

export class LinePool {
  readonly line: Line
  readonly #pool: HomePool
  #files = 0

  private constructor(line: Line, pool: HomePool) {
    this.line = line
    this.#pool = pool
  }

  static async open(): Promise<LinePool> {
    const line = await Line.open()
    const on = (host: string) => line.on(host === MEMBER ? 'near' : 'far')
    const publicHost = () => line.publicHost('far')
    const pool = await HomePool.start({ on, publicHost, close: () => line.close() })
    try {
      await pool.join(MEMBER, pool.ready['foundingToken'] ?? '')
      const names = Array.from({ length: PROVIDERS }, (_, i) => `provider-${i}`)
      await Promise.all(names.map((name) => pool.provider('far', name, MEMBER)))
    } catch (error) {
      await pool.close()
      throw error
    }
    return new LinePool(line, pool)
  }

  /** Puts and gets a new random file; the member knows nothing of the ways to the providers before each of them. */
  async transfer(setting: Setting): Promise<{ readonly put: Transfer; readonly get: Transfer }> {
    const { bytes, transport, control } = setting
    const name = `file-${this.#files++}`
    const [source, copy] = [this.#pool.at(name), this.#pool.at(`${name}-copy`)]
    await writeRandomFile(source, bytes)
    await this.line.set(setting)
    this.line.setCongestionControl(control)
    const way = ['--transport', transport] as const
    const put = await this.#measured('outward', bytes * EXPANSION, setting, [
      'put',
      source,
      `/home/${name}`,
      ...way,
    ])
    const get = await this.#measured('homeward', bytes, setting, ['get', `/home/${name}`, copy, ...way])
    await expectSame(source, copy)
    for (const file of [source, copy]) fs.rmSync(file)
    return { put, get }
  }

  async #measured(
    direction: 'outward' | 'homeward',
    bytes: number,
    { mbits }: LineCondition,
    command: readonly string[],
  ): Promise<Transfer> {
    fs.rmSync(this.#pool.at('homes', MEMBER, 'network.json'), { force: true })
    const { [direction]: before } = await this.line.counters()
    const started = performance.now()
    const { code, stderr } = await this.#pool.spawn(MEMBER, ...command).finished
    const seconds = (performance.now() - started) / 1000
    if (code !== 0) throw new Error(`${command.join(' ')}: exit code ${code}: ${stderr}`)
    const { [direction]: after } = await this.line.counters()
    if (after.overrun > before.overrun) throw new Error('the line could not keep up with its packets')
    const share = (moved: number): number => (moved * 8) / 1e6 / seconds / mbits
    const carried = after.bytes - before.bytes
    return {
      seconds,
      busy: share(carried),
      useful: share(bytes),
      contents: bytes,
      carried,
      counted: { lost: after.lost - before.lost, dropped: after.dropped - before.dropped },
      lateMs: after.lateUs / 1000,
    }
  }

  async close(): Promise<void> {
    await this.#pool.close()
  }
}
