/**
 * What the embedded chain's journal is made of (docs/spec/chain-journal.md); all integers big-endian.
 *
 * Header, 32 bytes: "ALMCHAIN", version 1 (4 bytes), chain id (8), genesis time (8), CRC-32 of these 28 bytes (4).
 * Record: length of the body (4), CRC-32 of length and body (4), body: number (8), time (8), hash of the block before (32),
 * count (4), and for each transaction its length (4) and bytes.
 */
import { Buffer } from 'node:buffer'
import * as zlib from 'node:zlib'
import { MalformedError } from '../../../core/open/errors.ts'
import type { EngineSettings } from './chain-engine.ts'

export const HEADER_BYTES = 32
export const RECORD_HEAD_BYTES = 8
const BODY_HEAD_BYTES = 52
const MAGIC = Buffer.from('ALMCHAIN', 'latin1')
const VERSION = 1

/** More than a block's gas pays for. */
export const MAX_BODY_BYTES = 8 * 1024 * 1024
export const MAX_TRANSACTIONS = 1_024

export interface BlockRecord {
  readonly number: number
  /** Unix seconds. */
  readonly time: number
  /** Hash of the block before, 32 bytes. */
  readonly parent: Uint8Array
  /** Raw signed transactions. */
  readonly transactions: readonly Uint8Array[]
}

export function encodeHeader({ chainId, genesisTime }: EngineSettings): Buffer {
  const out = Buffer.alloc(HEADER_BYTES)
  out.set(MAGIC, 0)
  out.writeUInt32BE(VERSION, 8)
  out.writeBigUInt64BE(BigInt(chainId), 12)
  out.writeBigUInt64BE(BigInt(genesisTime), 20)
  out.writeUInt32BE(zlib.crc32(out.subarray(0, 28)), 28)
  return out
}

/** MalformedError: no journal, a newer one, or a damaged header. */
export function decodeHeader(bytes: Buffer): EngineSettings {
  if (bytes.length < HEADER_BYTES || !bytes.subarray(0, 8).equals(MAGIC))
    throw new MalformedError('this is no journal of a chain', { position: 0 })
  if (zlib.crc32(bytes.subarray(0, 28)) !== bytes.readUInt32BE(28))
    throw new MalformedError('the header of the chain’s journal is damaged', { position: 0 })
  if (bytes.readUInt32BE(8) !== VERSION)
    throw new MalformedError('the chain’s journal is of another version', { version: bytes.readUInt32BE(8) })
  return { chainId: safe(bytes.readBigUInt64BE(12)), genesisTime: safe(bytes.readBigUInt64BE(20)) }
}

export function encodeRecord(record: BlockRecord): Buffer {
  const body = BODY_HEAD_BYTES + record.transactions.reduce((sum, raw) => sum + 4 + raw.length, 0)
  if (body > MAX_BODY_BYTES || record.transactions.length > MAX_TRANSACTIONS)
    throw new MalformedError('the block is too large', {
      bytes: body,
      transactions: record.transactions.length,
    })
  const out = Buffer.alloc(RECORD_HEAD_BYTES + body)
  out.writeUInt32BE(body, 0)
  out.writeBigUInt64BE(BigInt(record.number), 8)
  out.writeBigUInt64BE(BigInt(record.time), 16)
  out.set(record.parent, 24)
  out.writeUInt32BE(record.transactions.length, 56)
  let at = RECORD_HEAD_BYTES + BODY_HEAD_BYTES
  for (const raw of record.transactions) {
    out.writeUInt32BE(raw.length, at)
    out.set(raw, at + 4)
    at += 4 + raw.length
  }
  out.writeUInt32BE(checksum(out.subarray(0, 4), out.subarray(8)), 4)
  return out
}

/** Length of the body that a record's head announces; undefined when it is beyond the limits. */
export function bodyLength(head: Buffer): number | undefined {
  const length = head.readUInt32BE(0)
  return length >= BODY_HEAD_BYTES && length <= MAX_BODY_BYTES ? length : undefined
}

/** The record of these bytes (head and body); MalformedError when they are damaged or not the format. */
export function decodeRecord(bytes: Buffer): BlockRecord {
  if (bytes.length < RECORD_HEAD_BYTES || bodyLength(bytes) !== bytes.length - RECORD_HEAD_BYTES)
    throw new MalformedError('the record has another length')
  if (checksum(bytes.subarray(0, 4), bytes.subarray(8)) !== bytes.readUInt32BE(4))
    throw new MalformedError('the record’s checksum is wrong')
  const count = bytes.readUInt32BE(56)
  if (count > MAX_TRANSACTIONS) throw new MalformedError('too many transactions', { count })
  const transactions: Uint8Array[] = []
  let at = RECORD_HEAD_BYTES + BODY_HEAD_BYTES
  for (let i = 0; i < count; i++) {
    const start = at + 4
    if (start > bytes.length) throw new MalformedError('the record ends early')
    at = start + bytes.readUInt32BE(at)
    if (at > bytes.length) throw new MalformedError('the record ends early')
    transactions.push(Uint8Array.from(bytes.subarray(start, at)))
  }
  if (at !== bytes.length) throw new MalformedError('the record has bytes left')
  return {
    number: safe(bytes.readBigUInt64BE(8)),
    time: safe(bytes.readBigUInt64BE(16)),
    parent: Uint8Array.from(bytes.subarray(24, 56)),
    transactions,
  }
}

function checksum(length: Buffer, body: Buffer): number {
  return zlib.crc32(body, zlib.crc32(length))
}

function safe(value: bigint): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new MalformedError('a number beyond 2^53')
  return Number(value)
}
