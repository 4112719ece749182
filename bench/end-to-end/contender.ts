import type { CommandOutcome } from './run-command.ts'

/** A program that stores files and gives them back; each call is one process as a person would start it. */
export interface Contender {
  readonly name: string
  /** Stores the file or tree `source` under `label`, which is new. */
  store(source: string, label: string): Promise<CommandOutcome>
  /** Restores what is under `label` into the empty folder `into`; what was stored lies there under its own name. */
  restore(label: string, into: string): Promise<CommandOutcome>
  /** Frees what `label` holds, where that is cheap; untimed. */
  forget(label: string): Promise<void>
}
