/** The bytes of a device's state file: SHA-256 of the rest, then deterministic CBOR. */
import { createHash } from 'node:crypto'
import { equalBytes } from '../../core/open/bytes.ts'
import { UntrustedError } from '../../core/open/errors.ts'
import { MAX_CHANGE_BYTES } from '../../core/open/objects/change.ts'
import { MAX_CHANGES } from '../../core/open/objects/operation.ts'
import { array, bytes, bytesUpTo, codec, optional, struct, uint } from '../../core/open/schema.ts'
import type { DeviceState } from '../../ports/device-store.ts'

const CHECKSUM_BYTES = 32
/** An operation of 4 MiB with its changes, and the frame around them. */
const MAX_STATE_BYTES = 6 * 1024 * 1024

const state = codec(
  'device state',
  struct({
    counter: [0, uint()],
    prevOp: [1, bytes(32)],
    pending: [
      2,
      optional(
        struct({
          counter: [0, uint()],
          body: [1, bytesUpTo(MAX_STATE_BYTES)],
          signature: [2, bytes(64)],
          changes: [3, array(bytesUpTo(MAX_CHANGE_BYTES), MAX_CHANGES)],
        }),
      ),
    ],
  }),
  MAX_STATE_BYTES,
)

/** What a device starts with: no operation yet. */
export const NO_OPERATION: DeviceState = { counter: 0, prevOp: new Uint8Array(32) }

export function encodeDeviceState(value: DeviceState): Uint8Array {
  const body = state.encode(value)
  return Buffer.concat([createHash('sha256').update(body).digest(), body])
}

/** Throws UntrustedError when the file was damaged, MalformedError for one that we can't have written. */
export function decodeDeviceState(file: Uint8Array): DeviceState {
  const body = file.subarray(CHECKSUM_BYTES)
  if (!equalBytes(file.subarray(0, CHECKSUM_BYTES), createHash('sha256').update(body).digest()))
    throw new UntrustedError("the device's state file is damaged")
  return state.decode(body)
}
