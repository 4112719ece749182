/**
 * Tiles as C2SP tlog-tiles lays them out: the tile (level, index) holds up to 256 hashes of nodes of height 8 * level, from node
 * 256 * index on, concatenated. Only complete nodes stand in tiles, so a hash never changes once it is there.
 */
import { MalformedError } from '../errors.ts'

export const TILE_HEIGHT = 8
export const TILE_WIDTH = 256
export const HASH_BYTES = 32
export const TILE_BYTES = TILE_WIDTH * HASH_BYTES
/** Leaves that a log may have: what integers hold exactly. */
export const MAX_LOG_SIZE = Number.MAX_SAFE_INTEGER
/** 53 bits of size are 7 tiles high. */
export const MAX_TILE_LEVELS = 7

/** Where tiles come from: the stored bytes, perhaps wider than asked for; undefined where there is none. */
export interface TileReader {
  tile(level: number, index: number): Uint8Array | undefined
}

export interface Tile {
  readonly level: number
  readonly index: number
  /** 1 to 256 hashes. */
  readonly hashes: Uint8Array
}

/** How many hashes of this level a log of `size` leaves has in all. */
export function levelWidth(size: number, level: number): number {
  return Math.floor(size / TILE_WIDTH ** level)
}

/** Groups of three digits, all but the last marked: 1234067 is x001/x234/067. */
function tileNumber(index: number): string {
  const digits = String(index)
  const padded = digits.padStart(Math.ceil(digits.length / 3) * 3, '0')
  const groups = padded.match(/.{3}/g) ?? []
  return groups.map((group, i) => (i === groups.length - 1 ? group : `x${group}`)).join('/')
}

function tileName(kind: string, index: number, width: number): string {
  if (
    !Number.isSafeInteger(index) ||
    index < 0 ||
    !Number.isInteger(width) ||
    width < 1 ||
    width > TILE_WIDTH
  )
    throw new MalformedError('a tile has a number from 0 and 1 to 256 hashes', { index, width })
  return `tile/${kind}/${tileNumber(index)}${width === TILE_WIDTH ? '' : `.p/${width}`}`
}

/** The path of a tile of hashes under a log's address; throws MalformedError for what is no tile. */
export function tilePath(level: number, index: number, width: number = TILE_WIDTH): string {
  if (!Number.isInteger(level) || level < 0 || level >= MAX_TILE_LEVELS)
    throw new MalformedError('no tile stands so high', { level })
  return tileName(String(level), index, width)
}

/** The path of a bundle of entries; throws MalformedError for what is none. */
export function entriesPath(index: number, width: number = TILE_WIDTH): string {
  return tileName('entries', index, width)
}
