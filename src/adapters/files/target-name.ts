/** Names that get may create: single components that this system can hold. */
import { Buffer } from 'node:buffer'
import { UsageError } from '../../core/open/errors.ts'
import { hasControl } from './local-stat.ts'

const MAX_NAME_BYTES = 255
/** Windows: characters, ends and device names that its file systems don't take or take for something else. */
const WINDOWS = /[<>:"\\|?*]|[. ]$|^(?:con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])(?:\.|$)/i

/** Throws UsageError unless `name` is a single component that can be created on `platform`. */
export function checkTargetName(name: string, platform: NodeJS.Platform = process.platform): void {
  const fault =
    name === '' || name === '.' || name === '..'
      ? 'is no name'
      : name.includes('/')
        ? 'has a slash'
        : hasControl(name)
          ? 'has control characters'
          : Buffer.byteLength(name) > MAX_NAME_BYTES
            ? `is longer than ${MAX_NAME_BYTES} bytes`
            : platform === 'win32' && WINDOWS.test(name)
              ? "can't be held by Windows"
              : undefined
  if (fault !== undefined) throw new UsageError(`the name ${JSON.stringify(name)} ${fault}`)
}
