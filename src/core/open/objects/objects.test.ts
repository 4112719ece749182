import { decoderConformance } from '../decoder.conformance.ts'
import type { Codec } from '../schema.ts'
import { codec } from '../schema.ts'
import type { Change } from './change.ts'
import { CHANGE_KIND, FORM_DERIVED, FORM_RANDOM, changeCodec, checkChange } from './change.ts'
import {
  admitCodec,
  certificateCodec,
  genesisCodec,
  memberRecordCodec,
  signedCertificateField,
} from './identity.ts'
import { operationCodec, signedOperationField } from './operation.ts'
import { providerInviteCodec, providerRecordCodec } from './provider-record.ts'
import { offlineTicketCodec } from './offline-ticket.ts'
import { ticketCodec } from './ticket.ts'

const b = (length: number, value = 7) => new Uint8Array(length).fill(value)

function conforms<T>(name: string, codec: Codec<T>, values: readonly T[]): void {
  decoderConformance({
    name,
    examples: values.map((value) => codec.encode(value)),
    decode: (bytes) => codec.decode(bytes),
    encode: (value) => codec.encode(value),
  })
}

const changes: readonly Change[] = [
  {
    kind: CHANGE_KIND.create,
    node: b(16),
    version: 1,
    gen: 1,
    keyRecord: {
      parent: b(16, 0),
      parentGen: 0,
      form: FORM_RANDOM,
      commitments: { mk: b(32, 1), ck: b(32, 2) },
      sealed: [],
    },
    meta: b(144),
    grant: {
      id: b(16, 3),
      node: b(16),
      gen: 1,
      grantee: b(32, 4),
      encGen: 1,
      rights: 63,
      commitments: { mk: b(32, 1), ck: b(32, 2) },
      sealed: b(160),
    },
  },
  {
    kind: CHANGE_KIND.write,
    node: b(16),
    version: 2,
    base: b(32, 5),
    gen: 1,
    meta: b(144),
    manifest: b(300),
    refs: { ids: [b(32, 8), b(32, 9)], lists: [] },
  },
  {
    kind: CHANGE_KIND.rotate,
    node: b(16),
    version: 3,
    base: b(32, 5),
    gen: 2,
    keyRecord: { parent: b(16, 6), parentGen: 4, form: FORM_DERIVED, backMk: b(112), backCk: b(112) },
    meta: b(144),
  },
  { kind: CHANGE_KIND.delete, node: b(16), version: 4, base: b(32, 5), gen: 2 },
]

decoderConformance({
  name: 'change',
  examples: changes.map((change) => changeCodec.encode(change)),
  decode(bytes) {
    const change = changeCodec.decode(bytes)
    checkChange(change)
    return change
  },
  encode: (change) => changeCodec.encode(change),
})

const operation = {
  v: 1,
  suite: 1,
  space: b(32),
  epoch: 2,
  member: b(32, 1),
  device: b(16, 2),
  counter: 3,
  prevOp: b(32, 4),
  head: { size: 0, root: b(32, 5), signature: b(0) },
  via: [b(16, 9)],
  root: b(32, 6),
} as const
conforms('operation', operationCodec, [operation, { ...operation, via: [], fence: 70_000 }])
conforms('signed operation', codec('signed operation', signedOperationField, 2_048), [
  [operationCodec.encode(operation), b(64)],
])

conforms('genesis', genesisCodec, [
  { v: 1, suite: 1, logKey: b(32), admins: [b(32, 1)], witnessPolicy: 0, minimumSuite: 1, nonce: b(32, 2) },
])
conforms('member record', memberRecordCodec, [
  {
    suite: 1,
    name: 'alice',
    sign: b(32),
    enc: [
      [1, b(32, 1)],
      [2, b(32, 2)],
    ],
    seq: 1,
    prev: b(32, 0),
  },
])
const certificate = {
  suite: 1,
  pool: b(32),
  member: b(32, 1),
  device: b(16, 2),
  sign: b(32, 3),
  enc: b(32, 4),
  net: b(32, 5),
  label: 'Ansgars Klapprechner ü',
  notAfter: 1_900_000_000,
  serial: 1,
} as const
conforms('certificate', certificateCodec, [certificate])
conforms('signed certificate', codec('signed certificate', signedCertificateField, 1_024), [
  [certificateCodec.encode(certificate), b(64), b(64, 1)],
])
conforms('admit', admitCodec, [
  { suite: 1, invite: b(32), member: b(32, 1), record: b(32, 2), by: b(32, 3), device: b(16, 4) },
])
conforms('provider invite', providerInviteCodec, [
  {
    suite: 1,
    invite: b(32),
    operator: b(32, 1),
    member: b(32, 2),
    device: b(16, 3),
    notAfter: 1_900_000_000,
  },
])
conforms('provider record', providerRecordCodec, [
  {
    suite: 1,
    net: b(32),
    invite: b(32, 1),
    name: 'attic',
    address: '[::1]:4100',
    capacity: 10 ** 11,
    seq: 2,
  },
  {
    suite: 1,
    net: b(32),
    invite: b(32, 1),
    name: '',
    address: 'attic.example:4100',
    capacity: 1,
    seq: 3,
    witness: b(32, 2),
    reporter: b(20, 3),
  },
])
conforms('ticket', ticketCodec, [
  {
    suite: 1,
    kind: 1,
    holder: b(32),
    provider: b(32, 1),
    shards: [
      [b(32, 2), 4_194_304, 255],
      [b(32, 3), 0, 0],
    ],
    notAfter: 1_900_000_000,
    serial: b(16),
    space: b(32, 4),
  },
])
conforms('offline ticket', offlineTicketCodec, [
  { suite: 1, holder: b(32), space: b(32, 1), notAfter: 1_900_000_000, serial: b(16) },
])
