/** Names of files and folders: single components, exactly as given, 1 to 255 bytes of UTF-8. */
import { fromUtf8, utf8 } from './bytes.ts'

export const MAX_NAME_BYTES = 255

/** What is wrong with a name, or undefined: empty, too long, `.`, `..`, a slash, control characters, unpaired surrogates. */
export function entryNameProblem(name: string): string | undefined {
  const encoded = utf8(name)
  if (name === '') return 'a name is empty'
  if (encoded.length > MAX_NAME_BYTES) return `a name has more than ${MAX_NAME_BYTES} bytes`
  if (name === '.' || name === '..') return 'a name is . or ..'
  if (fromUtf8(encoded) !== name) return "a name isn't well-formed Unicode"
  for (let i = 0; i < name.length; i++) {
    const unit = name.charCodeAt(i)
    if (unit === 0x2f) return 'a name contains a slash'
    if (unit < 0x20 || (unit >= 0x7f && unit <= 0x9f)) return 'a name contains a control character'
  }
  return undefined
}
