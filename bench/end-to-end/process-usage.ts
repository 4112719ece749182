import { readFileSync } from 'node:fs'

/** What a process has used so far, as Linux tells it; zeros for a dead one and where there is no /proc. */
export interface ProcessUsage {
  /** Peak resident bytes (VmHWM). */
  readonly peak: number
  /** User and system time of all threads, seconds. */
  readonly cpu: number
}

/** Linux counts CPU time in these, whatever its own clock. */
const TICKS_A_SECOND = 100

export function processUsage(pid: number): ProcessUsage {
  try {
    const [, kilobytes = '0'] = /^VmHWM:\s*(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // Behind the name, which may hold spaces: fields 14 and 15 are user and system time.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return {
      peak: Number(kilobytes) * 1024,
      cpu: (Number(fields[11]) + Number(fields[12])) / TICKS_A_SECOND,
    }
  } catch {
    return { peak: 0, cpu: 0 }
  }
}
