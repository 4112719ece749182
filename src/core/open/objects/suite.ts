import { bytes, oneOf } from '../schema.ts'

/** The cryptographic suite of every object: never negotiated. Suite 1 is docs/spec/primitives.md. */
export const SUITE = 1
export const suiteField = oneOf([SUITE])

/** Sizes of ids and keys, bytes. */
export const ID_BYTES = 32
export const NODE_ID_BYTES = 16
export const DEVICE_ID_BYTES = 16
export const GRANT_ID_BYTES = 16
export const SIGNATURE_BYTES = 64

export const id = bytes(ID_BYTES)
export const nodeId = bytes(NODE_ID_BYTES)
export const deviceId = bytes(DEVICE_ID_BYTES)
export const grantId = bytes(GRANT_ID_BYTES)
export const publicKey = bytes(32)
export const signature = bytes(SIGNATURE_BYTES)

export const ZERO_ID = new Uint8Array(ID_BYTES)
