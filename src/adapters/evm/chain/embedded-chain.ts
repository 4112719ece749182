/**
 * An Ethereum chain in a folder, made by one process: an engine under a journal. Invariants:
 * - what `request` acknowledged is in the journal, and so are the blocks before it; every start gives the same block hashes.
 * - one process at a time has the folder.
 * - an engine that ends is started again from snapshot and journal before the next request is answered.
 */
import { compareBytes, toHex } from '../../../core/open/bytes.ts'
import { FolderError, MalformedError, UnreachableError } from '../../../core/open/errors.ts'
import type { Clock } from '../../../ports/clock.ts'
import type { BlockRef } from '../../../ports/ledger-chain.ts'
import type { Logger } from '../../../ports/logger.ts'
import type { DiskFiles } from '../../disk/disk-files.ts'
import { nodeFiles } from '../../disk/disk-files.ts'
import { readFolderFormat, writeFolderFormat } from '../../disk/folder-format.ts'
import { lockFolder } from '../../disk/folder-lock.ts'
import type { FolderLock } from '../../disk/folder-lock.ts'
import type { JsonRpc } from '../json-rpc.ts'
import { admitTransaction } from './admit-transaction.ts'
import { BLOCK_GAS, KEPT_BLOCKS, startAnvilEngine } from './anvil-engine.ts'
import type { BlockRecord } from './block-record.ts'
import type { ChainEngine, ExecutedBlock, StartEngine } from './chain-engine.ts'
import { ChainJournal } from './chain-journal.ts'
import type { ChainSnapshot } from './chain-snapshot.ts'
import { readSnapshot, writeSnapshot } from './chain-snapshot.ts'
import { Sequencer, chainFault } from './sequencer.ts'
import { checkLogsKept, standardCall } from './standard-methods.ts'

/** Executing so many blocks, or transactions, again takes less than half a second. */
const SNAPSHOT_BLOCKS = 256
const SNAPSHOT_TRANSACTIONS = 512
/** An engine that fails at the same block again and again won't do better later. */
const ENGINE_ATTEMPTS = 3

export interface EmbeddedChainOptions {
  /** Made when it isn't there. */
  readonly folder: string
  /** For a new chain; an old one keeps its own. */
  readonly chainId: number
  readonly clock: Clock
  readonly logger: Logger
  readonly startEngine?: StartEngine
  readonly files?: DiskFiles
  readonly snapshotBlocks?: number
}

export interface EmbeddedChain extends JsonRpc {
  readonly chainId: number
  head(): Promise<BlockRef>
  /** Lets go of the folder; what was acknowledged is safe without it. */
  close(): Promise<void>
}

/** FolderError: the folder is in use; MalformedError with `position`: the journal is damaged where it was acknowledged. */
export async function openEmbeddedChain(options: EmbeddedChainOptions): Promise<EmbeddedChain> {
  const files = options.files ?? nodeFiles
  await files.mkdir(options.folder, { recursive: true })
  const lock = lockFolder(options.folder)
  let journal: ChainJournal | undefined
  try {
    await checkFormat(files, options.folder)
    const snapshot = await readSnapshot(files, options.folder)
    const positions: number[] = []
    const settings = { chainId: options.chainId, genesisTime: Math.floor(options.clock.now() / 1_000) }
    journal = await ChainJournal.open(files, options.folder, settings, (_, position) => {
      positions.push(position)
    })
    const chain = new Chain(options, files, lock, journal, positions)
    await chain.start(snapshot)
    return chain
  } catch (error) {
    await journal?.close()
    lock.release()
    throw error
  }
}

const KIND = 'chain'
const VERSION = 1

/** Marks a new folder; FolderError for one that is of another kind or version, or has lost its mark. */
async function checkFormat(files: DiskFiles, folder: string): Promise<void> {
  const format = await readFolderFormat(files, folder, KIND, VERSION)
  if (format === 'known') return
  const names = await files.readdir(folder)
  if (format === 'damaged' || names.some((name) => name !== 'lock' && !name.endsWith('.tmp')))
    throw new FolderError(`the folder ${folder} does not say that it is a chain’s`, { folder })
  await writeFolderFormat(files, folder, KIND, VERSION)
}

class Chain implements EmbeddedChain {
  readonly #options: EmbeddedChainOptions
  readonly #files: DiskFiles
  readonly #lock: FolderLock
  readonly #journal: ChainJournal
  /** Of the record of block i + 1. */
  readonly #positions: number[]
  readonly #sequencer: Sequencer
  readonly #startEngine: StartEngine
  #engine: ChainEngine | undefined
  #reviving: Promise<ChainEngine> | undefined
  #head: BlockRef = { number: 0, hash: new Uint8Array(32) }
  #time = 0
  #snapshotAt = 0
  /** Transactions. */
  #sinceSnapshot = 0
  #closing = false
  #closed = false

  constructor(
    options: EmbeddedChainOptions,
    files: DiskFiles,
    lock: FolderLock,
    journal: ChainJournal,
    positions: number[],
  ) {
    this.#options = options
    this.#files = files
    this.#lock = lock
    this.#journal = journal
    this.#positions = positions
    this.#startEngine = options.startEngine ?? startAnvilEngine
    this.#time = journal.settings.genesisTime
    this.#sequencer = new Sequencer({
      blockGas: BLOCK_GAS,
      nonceOf: async (sender) => {
        const engine = await this.#alive()
        return Number(await engine.request('eth_getTransactionCount', [sender, 'latest']))
      },
      makeBlock: (transactions) => this.#makeBlock(transactions),
    })
  }

  get chainId(): number {
    return this.#journal.settings.chainId
  }

  async head(): Promise<BlockRef> {
    await this.#alive()
    return this.#head
  }

  async start(snapshot: ChainSnapshot | undefined): Promise<void> {
    if (snapshot !== undefined && snapshot.number > this.#journal.blocks)
      throw new MalformedError('the journal ends before the snapshot: acknowledged blocks are missing', {
        blocks: this.#journal.blocks,
        snapshot: snapshot.number,
        position: this.#journal.end,
      })
    this.#use(await this.#startAt(snapshot))
    this.#snapshotAt = snapshot?.number ?? 0
  }

  async request(method: string, params: readonly unknown[]): Promise<unknown> {
    const { chainId } = this
    if (method === 'eth_sendRawTransaction')
      return this.#sequencer.submit(await admitTransaction(params[0], chainId, BLOCK_GAS))
    const call = standardCall(method, params, chainId)
    if ('answer' in call) return call.answer
    if (call.method === 'eth_getLogs') checkLogsKept(call.params, this.#head.number - KEPT_BLOCKS)
    const engine = await this.#alive()
    try {
      return await engine.request(call.method, call.params)
    } catch (error) {
      if (!(error instanceof UnreachableError) || this.#engine === engine) throw error
      // It ended under the call; reads can be asked again.
      return (await this.#alive()).request(call.method, call.params)
    }
  }

  async close(): Promise<void> {
    if (this.#closing) return
    this.#closing = true
    try {
      await this.#sequencer.close()
      if (this.#head.number > this.#snapshotAt) await this.#snapshot()
    } finally {
      this.#closed = true
      await this.#drop()
      await this.#journal.close()
      this.#lock.release()
    }
  }

  async #makeBlock(transactions: readonly Uint8Array[]): Promise<ExecutedBlock> {
    await this.#alive()
    const now = Math.floor(this.#options.clock.now() / 1_000)
    const record: BlockRecord = {
      number: this.#head.number + 1,
      time: Math.max(this.#time, now),
      parent: this.#head.hash,
      transactions,
    }
    const position = this.#journal.end
    await this.#journal.append(record)
    this.#positions.push(position)
    const block = await this.#executeSurely(record)
    this.#sinceSnapshot += transactions.length
    const behind = block.number - this.#snapshotAt
    if (
      behind >= (this.#options.snapshotBlocks ?? SNAPSHOT_BLOCKS) ||
      this.#sinceSnapshot >= SNAPSHOT_TRANSACTIONS
    )
      await this.#snapshot()
    return block
  }

  /** The block is in the journal: where the engine fails, a new one executes it. */
  async #executeSurely(record: BlockRecord): Promise<ExecutedBlock> {
    for (let attempt = 1; ; attempt++) {
      try {
        const engine = await this.#alive()
        if (this.#head.number >= record.number) return await executedBlock(engine, record.number)
        return await this.#execute(engine, record)
      } catch (error) {
        if (attempt === ENGINE_ATTEMPTS) throw chainFault(error)
        this.#options.logger.warn({ why: String(error), block: record.number }, 'the chain’s engine failed')
        await this.#drop()
      }
    }
  }

  async #execute(engine: ChainEngine, record: BlockRecord): Promise<ExecutedBlock> {
    const block = await engine.mine(
      record.time,
      record.transactions.map((raw) => `0x${toHex(raw)}`),
    )
    if (block.number !== record.number)
      throw new MalformedError('the engine is at another block', {
        block: block.number,
        wanted: record.number,
      })
    this.#head = { number: block.number, hash: block.hash }
    this.#time = record.time
    return block
  }

  async #startAt(snapshot: ChainSnapshot | undefined): Promise<ChainEngine> {
    if (snapshot !== undefined) {
      try {
        return await this.#replay(snapshot)
      } catch (error) {
        if (error instanceof MalformedError && 'position' in error.facts) throw error
        this.#options.logger.warn(
          { why: String(error), block: snapshot.number },
          'the chain’s snapshot is no use',
        )
      }
    }
    return this.#replay(undefined)
  }

  async #replay(snapshot: ChainSnapshot | undefined): Promise<ChainEngine> {
    const engine = await this.#startEngine(this.#journal.settings, snapshot?.dump)
    try {
      this.#head = await engine.head()
      if (
        this.#head.number !== (snapshot?.number ?? 0) ||
        (snapshot !== undefined && !same(this.#head, snapshot))
      )
        throw new MalformedError('the engine is not where the snapshot says', { block: this.#head.number })
      for (const position of this.#positions.slice(this.#head.number)) {
        const record = await this.#journal.read(position)
        if (compareBytes(record.parent, this.#head.hash) !== 0)
          throw new MalformedError(`block ${this.#head.number} has another hash than when it was made`, {
            block: this.#head.number,
            position,
          })
        await this.#execute(engine, record)
      }
      return engine
    } catch (error) {
      await engine.close()
      throw error
    }
  }

  /** The engine; a new one where it ended. */
  async #alive(): Promise<ChainEngine> {
    if (this.#engine !== undefined) return this.#engine
    if (this.#closed) throw new UnreachableError('the chain is closed')
    this.#reviving ??= this.#revive().finally(() => {
      this.#reviving = undefined
    })
    return this.#reviving
  }

  async #revive(): Promise<ChainEngine> {
    this.#options.logger.warn({ folder: this.#options.folder }, 'the chain’s engine is started again')
    return this.#use(await this.#startAt(await readSnapshot(this.#files, this.#options.folder)))
  }

  #use(engine: ChainEngine): ChainEngine {
    this.#engine = engine
    void engine.ended.then(() => {
      if (this.#engine === engine) this.#engine = undefined
    })
    return engine
  }

  async #drop(): Promise<void> {
    const engine = this.#engine
    this.#engine = undefined
    await engine?.close()
  }

  async #snapshot(): Promise<void> {
    const { number, hash } = this.#head
    this.#sinceSnapshot = 0
    try {
      const engine = await this.#alive()
      await writeSnapshot(this.#files, this.#options.folder, { number, hash, dump: await engine.dump() })
      this.#snapshotAt = number
    } catch (error) {
      // It only saves time; the next one tries again.
      this.#options.logger.warn(
        { why: String(chainFault(error)) },
        'no snapshot of the chain could be written',
      )
      this.#snapshotAt = number
    }
  }
}

function same(a: BlockRef, b: BlockRef): boolean {
  return a.number === b.number && compareBytes(a.hash, b.hash) === 0
}

async function executedBlock(engine: ChainEngine, number: number): Promise<ExecutedBlock> {
  const head = await engine.head()
  const block = await engine.request('eth_getBlockByNumber', [`0x${number.toString(16)}`, false])
  const transactions =
    typeof block === 'object' &&
    block !== null &&
    'transactions' in block &&
    Array.isArray(block.transactions)
      ? block.transactions.map(String)
      : []
  return { number: head.number, hash: head.hash, transactions }
}
