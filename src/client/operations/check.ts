import { equalBytes, toHex } from '../../core/open/bytes.ts'
import { AllmendError, UnreachableError } from '../../core/open/errors.ts'
import { shardId } from '../../core/open/merkle.ts'
import type { Signed } from '../../core/open/objects/signed.ts'
import { readShard, statShards } from '../../core/open/protocol/provider-methods.ts'
import type { StripeView } from '../../core/open/protocol/tracker-methods.ts'
import { DAMAGE_MISSING, DAMAGE_WRONG } from '../../core/open/protocol/tracker-methods.ts'
import { happyThreshold } from '../../core/open/stripes/stripe.ts'
import type { Client } from '../client.ts'
import { Semaphore, throwIfCancelled } from '../concurrency.ts'
import { BlobReader } from '../fetch/blob-reader.ts'
import { DamageReporter } from '../fetch/damage-reporter.ts'
import { fileChunks } from '../fetch/file-content.ts'
import { listedStripes } from '../fetch/listed-stripes.ts'
import { openContent } from '../fetch/open-content.ts'
import { joinPath } from '../paths.ts'
import type { RemoteNode } from '../tree/remote-node.ts'

export interface CheckParameters {
  /** Reads every shard, parity too, and verifies its bytes; else only asks whether it is there. */
  readonly readData?: boolean
  readonly onProgress?: (progress: { readonly stripes: number; readonly bytes: number }) => void
  readonly signal?: AbortSignal
}

export interface CheckResult {
  readonly stripes: number
  readonly healthy: number
  readonly degraded: number
  readonly atRisk: number
  readonly lost: number
  /** Bytes read and verified. */
  readonly checkedBytes: number
  readonly problems: readonly {
    readonly provider: string
    readonly shard: string
    readonly what: 'wrong' | 'missing' | 'unreachable'
  }[]
  /** Paths of files that can't be read whole now. */
  readonly files: readonly string[]
}

/** Shards read at once: 4 MiB each. */
const SHARDS_AT_ONCE = 12

type State = 'healthy' | 'degraded' | 'atRisk' | 'lost'

/**
 * Checks that what the member stored is there: every shard of every stripe, and which files are hurt where some aren't.
 *
 * @example
 * const { problems, files } = await check(client, { readData: true })
 */
export async function check(client: Client, parameters: CheckParameters = {}): Promise<CheckResult> {
  return new Check(client, parameters).run()
}

class Check {
  readonly #client: Client
  readonly #parameters: CheckParameters
  readonly #damage: DamageReporter
  readonly #slots = new Semaphore(SHARDS_AT_ONCE)
  readonly #counts: Record<State, number> = { healthy: 0, degraded: 0, atRisk: 0, lost: 0 }
  readonly #problems: CheckResult['problems'][number][] = []
  readonly #files: string[] = []
  #checkedBytes = 0
  #stripes = 0

  constructor(client: Client, parameters: CheckParameters) {
    this.#client = client
    this.#parameters = parameters
    this.#damage = new DamageReporter(client.tracker, client.clock)
  }

  async run(): Promise<CheckResult> {
    const roots = [...(await this.#client.trees.roots()).values()]
    await this.#client.providers.list(true)
    for (const root of roots) await this.#space(root)
    // Stripes tell what is lost; only then is it worth asking which files that hurts.
    if (this.#counts.lost > 0) for (const root of roots) await this.#lostFiles(root, [root.metadata.name])
    await this.#damage.flush()
    return {
      stripes: this.#stripes,
      ...this.#counts,
      checkedBytes: this.#checkedBytes,
      problems: this.#problems,
      files: this.#files,
    }
  }

  async #space(root: RemoteNode): Promise<void> {
    for await (const page of listedStripes(this.#client, root.space.id)) {
      const tickets = new Map(page.tickets.map(([provider, ticket]) => [toHex(provider), ticket]))
      await Promise.all(page.stripes.map((view) => this.#stripe(view, tickets)))
    }
  }

  async #stripe(view: StripeView, tickets: ReadonlyMap<string, Signed>): Promise<void> {
    const { stripe } = view
    const good = new Set<number>()
    await Promise.all(
      view.holders.map(([index, provider]) =>
        this.#slots.with(async () => {
          throwIfCancelled(this.#parameters.signal)
          if (await this.#shard(view, index, provider, tickets.get(toHex(provider)))) good.add(index)
        }),
      ),
    )
    this.#counts[stateOf(stripe.k, stripe.n, good.size)]++
    this.#stripes++
    this.#parameters.onProgress?.({ stripes: this.#stripes, bytes: this.#checkedBytes })
  }

  async #shard(
    view: StripeView,
    index: number,
    provider: Uint8Array,
    ticket: Signed | undefined,
  ): Promise<boolean> {
    const [shard, length] = view.stripe.shards[index]!
    const { providers, primitives } = this.#client
    const problem = (what: 'wrong' | 'missing' | 'unreachable') => {
      this.#problems.push({ provider: providers.nameOf(provider), shard: toHex(shard), what })
      if (what !== 'unreachable')
        this.#damage.report(provider, shard, what === 'wrong' ? DAMAGE_WRONG : DAMAGE_MISSING)
      return false
    }
    if (ticket === undefined) return problem('unreachable')
    try {
      if (this.#parameters.readData !== true) {
        const { value } = await this.#asked(provider, () =>
          providers.call(provider, ticket, statShards, { shards: [shard] }),
        )
        return value.present[0] === true || problem('missing')
      }
      const { body } = await this.#asked(provider, () =>
        providers.call(provider, ticket, readShard, { shard, ranges: [] }),
      )
      this.#checkedBytes += body.length
      const whole = body.length === length && equalBytes(shardId(primitives.blake3, body), shard)
      return whole || problem('wrong')
    } catch (error) {
      if (!(error instanceof AllmendError)) throw error
      if (error.code === 'not-found') return problem('missing')
      return problem(error.policy === 'blame-peer' ? 'wrong' : 'unreachable')
    }
  }

  /** Asks once more where the tracker says that the provider is there: one that was silent for a moment, as on a busy machine, isn't gone. */
  async #asked<T>(provider: Uint8Array, ask: () => Promise<T>): Promise<T> {
    try {
      return await ask()
    } catch (error) {
      if (!(error instanceof UnreachableError)) throw error
      const known = (await this.#client.providers.list()).find(({ id }) => equalBytes(id, provider))
      if (known?.up !== true) throw error
      return ask()
    }
  }

  async #lostFiles(folder: RemoteNode, names: readonly string[]): Promise<void> {
    const { byName } = await this.#client.trees.children(folder)
    const reader = new BlobReader(this.#client, folder.space)
    for (const [name, node] of byName) {
      const path = [...names, name]
      if (node.metadata.kind === 'folder') await this.#lostFiles(node, path)
      else if (node.metadata.kind === 'file' && !(await this.#isReadable(reader, node)))
        this.#files.push(joinPath(path))
    }
  }

  async #isReadable(reader: BlobReader, node: RemoteNode): Promise<boolean> {
    const manifest = openContent(this.#client, node)
    if (manifest === undefined) return true
    try {
      for await (const { ref } of fileChunks(this.#client, reader, manifest, 0, manifest.size))
        await reader.readSealed([ref], this.#parameters.signal)
      return true
    } catch (error) {
      if (error instanceof AllmendError) return false
      throw error
    }
  }
}

function stateOf(k: number, n: number, good: number): State {
  if (good >= n) return 'healthy'
  if (good >= happyThreshold({ k, n })) return 'degraded'
  return good >= k ? 'atRisk' : 'lost'
}
