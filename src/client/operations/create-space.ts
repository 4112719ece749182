import { ConflictError } from '../../core/open/errors.ts'
import { ALL_RIGHTS, FORM_RANDOM } from '../../core/open/objects/change.ts'
import { spaceIdOf } from '../../core/open/objects/operation.ts'
import { GRANT_ID_BYTES, NODE_ID_BYTES, ZERO_ID } from '../../core/open/objects/suite.ts'
import { sealGrant } from '../../core/secret/grant.ts'
import { commitKeys, rootKeys } from '../../core/secret/key-tree.ts'
import type { Client } from '../client.ts'
import { commit } from '../commit.ts'
import { folderMetadata } from './make-folder.ts'
import { checkName } from '../paths.ts'
import { createRootChange } from '../tree/node-changes.ts'

/** The first deduplication epoch of a space. */
const FIRST_DEDUP_EPOCH = 1

/**
 * Creates a space of the member's own: random root keys and deduplication secret, held by its creator's admin grant.
 *
 * @example
 * const id = await createSpace(client, { name: 'home' })
 *
 * @throws ConflictError when the member has a space of that name.
 */
export async function createSpace(client: Client, { name }: { readonly name: string }): Promise<Uint8Array> {
  const { primitives, random, identity } = client
  checkName(name)
  if ((await client.trees.roots()).has(name))
    throw new ConflictError(`there is a space /${name} already`, { name })
  const node = random.bytes(NODE_ID_BYTES)
  const keys = rootKeys(random)
  const encGen = Math.max(...identity.enc.keys())
  const grant = await sealGrant(
    primitives,
    { pool: identity.pool, space: ZERO_ID, issuer: identity.member },
    {
      id: random.bytes(GRANT_ID_BYTES),
      node,
      gen: 1,
      grantee: identity.member,
      encGen,
      rights: ALL_RIGHTS,
    },
    identity.enc.get(encGen)!.publicKey,
    keys,
    { epoch: FIRST_DEDUP_EPOCH, secret: random.bytes(32) },
  )
  const change = createRootChange(
    client,
    ZERO_ID,
    node,
    keys,
    {
      parent: new Uint8Array(NODE_ID_BYTES),
      parentGen: 0,
      form: FORM_RANDOM,
      commitments: commitKeys(primitives, keys),
      sealed: [],
    },
    grant,
    folderMetadata(client, name),
  )
  const { body } = await commit(client, { id: ZERO_ID, epoch: 0 }, [change])
  client.trees.forget()
  return spaceIdOf(primitives, body)
}
