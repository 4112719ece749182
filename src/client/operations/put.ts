import { concatBytes, utf8 } from '../../core/open/bytes.ts'
import { NotFoundError, UsageError } from '../../core/open/errors.ts'
import { taggedHash } from '../../core/open/hash.ts'
import type { Client } from '../client.ts'
import { joinPath, splitPath } from '../paths.ts'
import type { PutParameters, PutResult } from './put-parameters.ts'
import { freshen } from '../tree/freshen.ts'
import type { Destination } from '../upload/tree-upload.ts'
import { TreeUpload } from '../upload/tree-upload.ts'

export type { PutParameters, PutProblem, PutProgress, PutResult } from './put-parameters.ts'

/**
 * Stores local files and folders in the pool, whole; what is there already isn't sent again, and a put that was interrupted
 * goes on where it was.
 *
 * @example
 * const result = await put(client, { sources: ['photos'], target: '/home/' })
 * result.files // 1204
 *
 * @throws NotEnoughProvidersError, CapacityError: what was committed before is safe, run it again to resume.
 * @throws NotFoundError for a source or a remote folder that isn't there; ConflictError when somebody else changed the same.
 */
export async function put(client: Client, parameters: PutParameters): Promise<PutResult> {
  const destination = await destinationOf(client, parameters)
  const job = await client.journal.open(jobId(client, parameters))
  let finished = false
  try {
    const result = await new TreeUpload(client, parameters, destination, job).run()
    await job.finish()
    finished = true
    return result
  } finally {
    client.trees.forget()
    if (!finished) await job.close()
  }
}

function jobId(client: Client, { sources, target }: PutParameters): Uint8Array {
  const parts = [...sources.map((source) => client.files.absolute(source)), target]
  return taggedHash(
    client.primitives,
    'put-job',
    concatBytes(...parts.map((part) => concatBytes(utf8(part), Uint8Array.of(0)))),
  )
}

async function destinationOf(client: Client, { sources, target }: PutParameters): Promise<Destination> {
  if (sources.length === 0) throw new UsageError('name at least one file or folder to put')
  const names = splitPath(target)
  if (names.length === 0)
    throw new UsageError('everything lives in a space: put it into /home/, for example', { target })
  const existing = await client.trees.find(target)
  if (existing?.metadata.kind === 'folder')
    return { folder: await freshen(client, existing), name: undefined }
  if (sources.length > 1 || target.endsWith('/'))
    throw new NotFoundError(`${target} is no folder; make it first: allmend mkdir ${joinPath(names)}`, {
      path: target,
    })
  const parent = await client.trees.resolve(joinPath(names.slice(0, -1)))
  if (parent.metadata.kind !== 'folder')
    throw new NotFoundError(`${joinPath(names.slice(0, -1))} is no folder`, { path: target })
  return { folder: await freshen(client, parent), name: names.at(-1)! }
}
