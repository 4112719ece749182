import type { Command } from 'commander'
import { InvalidArgumentError } from 'commander'
import { UsageError } from '../../../core/open/errors.ts'
import type { AskedLine, LineSettings } from '../../node/network/line-settings.ts'
import { checkLineSettings } from '../../node/network/line-settings.ts'

/** As every command takes them. */
export interface LimitOptions {
  readonly limitUp?: string
  readonly limitDown?: string
  readonly limitLan?: boolean
}

/** Adds them to the program. */
export function addLimitOptions(program: Command): Command {
  return program
    .option(
      '--limit-up <limit>',
      'send no more to the internet than that: 2MB/s, 16Mbit/s, off, or "08:00,512KB/s 23:00,off"; else ALLMEND_LIMIT_UP, or as remembered',
    )
    .option('--limit-down <limit>', 'take in no more than that; else ALLMEND_LIMIT_DOWN, or as remembered')
    .option(
      '--limit-lan <yes|no>',
      'whether the limits hold in the local network too (default: no); else ALLMEND_LIMIT_LAN, or as remembered',
      (text: string) => {
        const isOn = yesOrNo(text)
        if (isOn === undefined) throw new InvalidArgumentError('it is yes or no.')
        return isOn
      },
    )
}

/** What options and environment say; throws UsageError for what is no limit. */
export function askedLine({ limitUp, limitDown, limitLan }: LimitOptions): AskedLine {
  const environment = settingsOf(
    process.env['ALLMEND_LIMIT_UP'] || undefined,
    process.env['ALLMEND_LIMIT_DOWN'] || undefined,
    lanOfEnvironment(),
  )
  return {
    options: checkLineSettings(settingsOf(limitUp, limitDown, limitLan)),
    environment: checkLineSettings(environment),
  }
}

/** Whether the command line itself names a limit. */
export function namesLimit({ options }: AskedLine): boolean {
  return Object.keys(options).length > 0
}

/** Options that say the same, for a process that this one starts. */
export function limitArgs({ up, down, lan }: LineSettings): string[] {
  return [
    ...(up === undefined ? [] : [`--limit-up=${up}`]),
    ...(down === undefined ? [] : [`--limit-down=${down}`]),
    ...(lan === undefined ? [] : [`--limit-lan=${lan ? 'yes' : 'no'}`]),
  ]
}

function settingsOf(up?: string, down?: string, lan?: boolean): LineSettings {
  return {
    ...(up === undefined ? {} : { up }),
    ...(down === undefined ? {} : { down }),
    ...(lan === undefined ? {} : { lan }),
  }
}

function lanOfEnvironment(): boolean | undefined {
  const text = process.env['ALLMEND_LIMIT_LAN'] || undefined
  const isOn = text === undefined ? undefined : yesOrNo(text)
  if (text !== undefined && isOn === undefined)
    throw new UsageError('ALLMEND_LIMIT_LAN is yes or no', { text })
  return isOn
}

function yesOrNo(text: string): boolean | undefined {
  return text === 'yes' ? true : text === 'no' ? false : undefined
}
