import { randomBytes } from 'node:crypto'
import type { Random } from '../../ports/random.ts'

/** The system's cryptographic generator. */
export const nodeRandom: Random = { bytes: (length) => randomBytes(length) }
