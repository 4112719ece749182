import {
  AllmendError,
  CapacityError,
  ConflictError,
  DeniedError,
  InternalError,
  NotFoundError,
  UsageError,
} from '../../core/open/errors.ts'
import { errnoOf } from '../disk/disk-error.ts'

/** The typed error for a failed call on a file of the member's, with the path in its message. */
export function fileError(path: string, cause: unknown): AllmendError {
  if (cause instanceof AllmendError) return cause
  const errno = errnoOf(cause)
  const options = { cause }
  switch (errno) {
    case 'ENOENT':
      return new NotFoundError(`${path} doesn't exist`, { errno }, options)
    case 'ENOTDIR':
      return new NotFoundError(`${path} doesn't exist: a part of it is no folder`, { errno }, options)
    case 'EACCES':
    case 'EPERM':
      return new DeniedError(`no permission for ${path}`, { errno }, options)
    case 'EROFS':
      return new DeniedError(`${path} is on a read-only file system`, { errno }, options)
    case 'EISDIR':
    case 'EEXIST':
    case 'ENOTEMPTY':
      return new ConflictError(`${path} is there already and is something else`, { errno }, options)
    case 'ELOOP':
      return new ConflictError(`${path} leads through a symlink`, { errno }, options)
    case 'ENAMETOOLONG':
      return new UsageError(`the name ${path} is too long for this file system`, { errno }, options)
    case 'EILSEQ':
    case 'EINVAL':
      return new UsageError(`this file system can't take ${path}`, { errno }, options)
    case 'ENOSPC':
    case 'EDQUOT':
    case 'EFBIG':
      return new CapacityError(`no room for ${path}: the disk or the quota is full`, { errno }, options)
    default:
      return new InternalError(
        `the system failed at ${path}${errno === '' ? '' : ` (${errno})`}`,
        { errno },
        options,
      )
  }
}
