/**
 * What the tracker signs with each commit, before any checkpoint: this entry stands at this index, and will be in the next one. A
 * checkpoint of a larger size with another entry there is evidence against it.
 */
import { codec, oneOf, struct, uint } from '../schema.ts'
import { signedField } from '../objects/signed.ts'
import { id } from '../objects/suite.ts'

const promiseField = struct({
  v: [0, oneOf([1])],
  index: [1, uint()],
  /** The entry's, Unix milliseconds. */
  time: [2, uint()],
  /** Of the entry: its leaf hash, which the map shows under what it touched. */
  hash: [3, id],
})

const MAX_PROMISE_BYTES = 128
/** Signed by the log key, tag "promise". */
export const promiseCodec = codec('promise', promiseField, MAX_PROMISE_BYTES)
export const signedPromiseField = signedField(MAX_PROMISE_BYTES)
