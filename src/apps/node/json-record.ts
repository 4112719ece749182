import { fromHex } from '../../core/open/bytes.ts'
import { FolderError } from '../../core/open/errors.ts'

/** A small JSON file that we wrote, field by field: what isn't as we write it is a FolderError that names file and field. */
export class JsonRecord {
  readonly #file: string
  readonly #path: string
  readonly #fields: ReadonlyMap<string, unknown>

  private constructor(file: string, path: string, value: unknown) {
    this.#file = file
    this.#path = path
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw this.#damaged(`${path === '' ? 'it' : path.slice(0, -1)} is not an object`)
    this.#fields = new Map(Object.entries(value))
  }

  static parse(text: string, file: string): JsonRecord {
    let value: unknown
    try {
      value = JSON.parse(text)
    } catch (cause) {
      throw new FolderError(`${file} is damaged: it is not JSON`, { file }, { cause })
    }
    return new JsonRecord(file, '', value)
  }

  has(field: string): boolean {
    return this.#fields.has(field)
  }

  object(field: string): JsonRecord {
    return new JsonRecord(this.#file, `${this.#path}${field}.`, this.#fields.get(field))
  }

  text(field: string): string {
    const value = this.#fields.get(field)
    if (typeof value === 'string') return value
    throw this.#damaged(`${this.#path}${field} is not a text`)
  }

  /** One of these texts. */
  oneOf<const T extends string>(field: string, texts: readonly T[]): T {
    const value = this.text(field)
    const found = texts.find((text) => text === value)
    if (found !== undefined) return found
    throw this.#damaged(`${this.#path}${field} is unknown`)
  }

  /** A whole number from 0. */
  count(field: string): number {
    const value = this.#fields.get(field)
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value
    throw this.#damaged(`${this.#path}${field} is no count`)
  }

  /** Bytes in hexadecimal digits, of a length where one is given. */
  bytes(field: string, length?: number): Uint8Array {
    return this.#bytesOf(this.text(field), field, length)
  }

  texts(field: string): string[] {
    const value = this.#fields.get(field)
    if (!Array.isArray(value)) throw this.#damaged(`${this.#path}${field} is no list`)
    return value.map((item: unknown) => {
      if (typeof item === 'string') return item
      throw this.#damaged(`${this.#path}${field} holds what is not a text`)
    })
  }

  byteStrings(field: string): Uint8Array[] {
    return this.texts(field).map((text) => this.#bytesOf(text, field))
  }

  #bytesOf(text: string, field: string, length?: number): Uint8Array {
    const bytes = fromHex(text)
    if (bytes !== undefined && (length === undefined || bytes.length === length)) return bytes
    const digits = length === undefined ? '' : `${2 * length} `
    throw this.#damaged(`${this.#path}${field} is not ${digits}hexadecimal digits`)
  }

  #damaged(what: string): FolderError {
    return new FolderError(`${this.#file} is damaged: ${what}`, { file: this.#file })
  }
}
