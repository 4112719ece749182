/**
 * `limits.json` of a home or a role's folder: what it may move over the line, as it was written on the command line. A role remembers what
 * it is started with; a home what `init`, `recover`, `up` or `limits` are told.
 */
import * as path from 'node:path'
import { nodeFiles } from '../../../adapters/disk/disk-files.ts'
import { replaceFile } from '../../../adapters/disk/replace-file.ts'
import { LineLimits } from '../../../adapters/wire/line-limits.ts'
import { FolderError, UsageError } from '../../../core/open/errors.ts'
import { parseTimetable } from '../../../core/open/limits/timetable.ts'
import { readIfThere } from '../private-file.ts'

const FILE = 'limits.json'

export interface LineSettings {
  /** A rate, `off`, or a timetable of those. */
  readonly up?: string
  readonly down?: string
  /** Peers on the local network count too. */
  readonly lan?: boolean
}

/** What a command line and an environment say, the former to be remembered by roles. */
export interface AskedLine {
  readonly options: LineSettings
  readonly environment: LineSettings
}

/** Throws UsageError for a limit that is none. */
export function checkLineSettings(settings: LineSettings): LineSettings {
  for (const text of [settings.up, settings.down]) if (text !== undefined) parseTimetable(text)
  return settings
}

/** What a folder remembers; nothing where it has no file. Throws FolderError for a damaged one. */
export async function readLineSettings(folder: string): Promise<LineSettings> {
  const file = path.join(folder, FILE)
  const text = await readIfThere(file)
  if (text === undefined) return {}
  const fail = (cause?: unknown): never => {
    throw new FolderError(
      `${file} is damaged: remove it and set the limits again`,
      { file },
      cause === undefined ? {} : { cause },
    )
  }
  let parsed: unknown
  try {
    parsed = JSON.parse(text.toString('utf8'))
  } catch (error) {
    return fail(error)
  }
  if (typeof parsed !== 'object' || parsed === null) return fail()
  const { up, down, lan } = parsed as Record<string, unknown>
  const isText = (value: unknown): value is string | undefined =>
    value === undefined || typeof value === 'string'
  if (!isText(up) || !isText(down) || (lan !== undefined && typeof lan !== 'boolean')) return fail()
  try {
    return checkLineSettings({
      ...(up === undefined ? {} : { up }),
      ...(down === undefined ? {} : { down }),
      ...(lan === undefined ? {} : { lan }),
    })
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    return fail(error)
  }
}

/** Adds to what a folder remembers; what isn't named stays. */
export async function rememberLineSettings(folder: string, settings: LineSettings): Promise<LineSettings> {
  const before = await readLineSettings(folder)
  const after = { ...before, ...settings }
  if (JSON.stringify(after) !== JSON.stringify(before))
    await replaceFile(nodeFiles, path.join(folder, FILE), Buffer.from(`${JSON.stringify(after, null, 2)}\n`))
  return after
}

/** The limits of a role: as it is told, else as its folder remembers. */
export async function lineOfRole(
  folder: string,
  asked: AskedLine | undefined,
): Promise<LineLimits | undefined> {
  const remembered = await rememberLineSettings(folder, asked?.options ?? {})
  return lineOf({ ...remembered, ...asked?.environment, ...asked?.options })
}

/** The limits of a member's command: as it is told, else as the home remembers. */
export async function lineOfHome(
  home: string,
  asked: AskedLine | undefined,
): Promise<LineLimits | undefined> {
  return lineOf({ ...(await readLineSettings(home)), ...asked?.environment, ...asked?.options })
}

/** Limits by these settings; undefined where they say nothing. Throws UsageError. */
export function lineOf({ up, down, lan }: LineSettings): LineLimits | undefined {
  if (up === undefined && down === undefined) return undefined
  return new LineLimits({
    up: up === undefined ? undefined : parseTimetable(up),
    down: down === undefined ? undefined : parseTimetable(down),
    lan,
  })
}
