import { setTimeout as delay } from 'node:timers/promises'
import { createScenario, type Scenario } from './scenario.ts'

const FAULT_MS = 8_000
const crowd = { newcomers: 6 }
/** Nothing waits for mail (SECURITY F4). Newcomers do: their link is in it. */
const promises = { alwaysServes: true, addedMs: 250 }

/** F4: nothing is lost, nothing waits. */
export const MAIL: Scenario[] = [
  createScenario({
    name: 'mail-frozen',
    title: 'F4 mail server frozen for 8 s',
    crowd,
    fault: async ({ sink }) => {
      sink.become('stall')
      await delay(FAULT_MS)
      await sink.down() // whoever was stalled is let go, as by a restart
      sink.become('accept')
      await sink.up()
      return []
    },
    promises
  }),
  createScenario({
    name: 'mail-killed',
    title: 'F4 mail server killed, back after 8 s',
    crowd,
    fault: async ({ sink }) => {
      await sink.down()
      await delay(FAULT_MS)
      await sink.up()
      return []
    },
    promises
  })
]
