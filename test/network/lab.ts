/**
 * A small internet of network namespaces on this machine: public hosts on one switch, and homes behind routers that translate
 * addresses. Needs root, `ip` and `nft`; leaves nothing behind after `close`.
 *
 * Routers drop what nobody inside asked for, as homes' do. A cone router keeps a sender's port towards everybody, a symmetric one
 * takes a random port for each receiver.
 */
import type { ChildProcess } from 'node:child_process'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'

export type RouterKind = 'cone' | 'symmetric'

/** Why this machine can't hold a lab; undefined where it can. Without homes it needs no `nft`. */
export function labMissing(tools: readonly string[] = ['ip', 'nft']): string | undefined {
  if (process.getuid?.() !== 0) return 'network namespaces need root'
  for (const tool of tools) {
    try {
      execFileSync(tool, ['-V'], { stdio: 'ignore' })
    } catch {
      return `${tool} is missing`
    }
  }
  try {
    const probe = `allmend-probe-${process.pid}`
    run('netns', 'add', probe)
    run('netns', 'del', probe)
  } catch {
    return 'this system allows no network namespaces'
  }
  return undefined
}

function run(...args: string[]): void {
  execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'] })
}

const MASQUERADE: Readonly<Record<RouterKind, string>> = {
  cone: 'oifname "wan0" masquerade',
  symmetric: 'oifname "wan0" masquerade fully-random',
}

/** Addresses of the lab's public hosts; a documentation network would be refused as unroutable. */
const PUBLIC_NET = '44.128.7'
/** Last numbers of addresses: the first one stays free. */
const FIRST_HOST = 2
const HOSTS = 253
/** Where there is nothing but a LAN. */
export const LAN_NET = '192.168.7'

export class Lab {
  readonly #prefix = `al${process.pid}-${Math.floor(Math.random() * 1e6)}`
  readonly #spaces: string[] = []
  readonly #children = new Set<ChildProcess>()
  readonly #net: string
  /** Who has which public address, and how many were given. */
  readonly #addresses = new Map<string, string>()
  #drawn = 0
  #ports = 0

  /** `net`: the first three numbers of the addresses on the switch. */
  constructor(net = PUBLIC_NET) {
    this.#net = net
    this.#space('switch')
    this.#in('switch', 'link', 'add', 'br0', 'type', 'bridge')
    this.#in('switch', 'link', 'set', 'br0', 'up')
  }

  /** A host with a public address, which is returned. */
  publicHost(name: string): string {
    this.#space(name)
    return this.#plug(name)
  }

  /** A host in a home of its own, behind a router of this kind. */
  home(name: string, kind: RouterKind): void {
    const router = `${name}-r`
    this.#space(router)
    const outside = this.#plug(router)
    this.#space(name)
    this.#in(router, 'link', 'add', 'lan0', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', this.#full(name))
    this.#address(router, 'lan0', '192.168.1.1')
    this.#address(name, 'eth0', '192.168.1.10')
    this.#in(name, 'route', 'add', 'default', 'via', '192.168.1.1')
    this.#shell(router, 'echo 1 > /proc/sys/net/ipv4/ip_forward')
    this.#nft(
      router,
      `table ip home {
        chain out { type nat hook postrouting priority 100; ${MASQUERADE[kind]}; }
        chain blocked { type filter hook forward priority -1; }
        chain own { type filter hook input priority 0; iifname "wan0" ct state new drop; }
        chain through { type filter hook forward priority 0; iifname "wan0" ct state new drop; }
      }`,
    )
    this.#outside.set(name, outside)
  }

  readonly #outside = new Map<string, string>()

  /** The public address of a home's router. */
  outsideOf(name: string): string | undefined {
    return this.#outside.get(name)
  }

  /**
   * Gives a home's router another public address, as providers do over night, when its table of mappings is lost; or a host on the
   * switch another one.
   */
  renumber(name: string): string {
    const isHome = this.#outside.has(name)
    const at = isHome ? `${name}-r` : name
    const address = this.#nextAddress(at)
    this.#in(at, 'address', 'flush', 'dev', 'wan0')
    this.#in(at, 'address', 'add', `${address}/24`, 'dev', 'wan0')
    if (isHome) this.#outside.set(name, address)
    return address
  }

  /** Takes a home's host to a network with another kind of router, under another address. */
  move(name: string, kind: RouterKind): void {
    this.#nft(
      `${name}-r`,
      `flush chain ip home out
       add rule ip home out ${MASQUERADE[kind]}`,
    )
    this.renumber(name)
  }

  /** Has a home's router drop what goes by this protocol, both ways, and nothing else. */
  block(name: string, protocol: 'udp' | 'tcp'): void {
    this.#nft(
      `${name}-r`,
      `flush chain ip home blocked
       add rule ip home blocked ip protocol ${protocol} drop`,
    )
  }

  /** Bytes that a home's host has sent, headers included. */
  sent(name: string): number {
    const [link] = JSON.parse(
      execFileSync('ip', ['-n', this.#full(name), '-s', '-j', 'link', 'show', 'eth0'], { encoding: 'utf8' }),
    ) as [{ stats64: { tx: { bytes: number } } }]
    return link.stats64.tx.bytes
  }

  /** A Node process on a host, with a channel for messages. */
  start(name: string, script: URL, ...args: string[]): ChildProcess {
    const command = ['netns', 'exec', this.#full(name), process.execPath, script.pathname, ...args]
    const child = spawn('ip', command, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
    this.#children.add(child)
    child.once('exit', () => this.#children.delete(child))
    return child
  }

  /** The words that run a command on a host when they are put in front of it. */
  on(name: string): readonly string[] {
    return ['ip', 'netns', 'exec', this.#full(name)]
  }

  async close(): Promise<void> {
    const ends = [...this.#children].map((child) => once(child, 'exit'))
    for (const child of this.#children) child.kill('SIGKILL')
    await Promise.all(ends)
    for (const space of this.#spaces) run('netns', 'del', space)
  }

  #full(name: string): string {
    return `${this.#prefix}-${name}`
  }

  #space(name: string): void {
    run('netns', 'add', this.#full(name))
    this.#spaces.push(this.#full(name))
    this.#in(name, 'link', 'set', 'lo', 'up')
  }

  /** Connects a namespace to the switch under the next public address. */
  #plug(name: string): string {
    const port = `p${++this.#ports}`
    const address = this.#nextAddress(name)
    const at = this.#full('switch')
    this.#in(name, 'link', 'add', 'wan0', 'type', 'veth', 'peer', 'name', port, 'netns', at)
    this.#in('switch', 'link', 'set', port, 'master', 'br0', 'up')
    this.#address(name, 'wan0', address)
    return address
  }

  /** A public address that nobody has: one that was given up longest ago when all have been used. */
  #nextAddress(name: string): string {
    const taken = new Set(this.#addresses.values())
    let address: string
    do {
      address = `${this.#net}.${FIRST_HOST + (this.#drawn++ % HOSTS)}`
    } while (taken.has(address))
    this.#addresses.set(name, address)
    return address
  }

  #address(name: string, device: string, address: string): void {
    this.#in(name, 'address', 'add', `${address}/24`, 'dev', device)
    this.#in(name, 'link', 'set', device, 'up')
  }

  #in(name: string, ...args: string[]): void {
    run('-n', this.#full(name), ...args)
  }

  #shell(name: string, command: string): void {
    run('netns', 'exec', this.#full(name), 'sh', '-c', command)
  }

  #nft(name: string, rules: string): void {
    execFileSync('ip', ['netns', 'exec', this.#full(name), 'nft', '-f', '-'], { input: rules })
  }
}
