import { PASSWORD } from './builders.ts'

/** Where a browser came to rest: at the application, or on a page of ours that wants something else. */
export type Rest = {
  url: URL
  status: number
  /** What the application is told, whether by the URL or by a form. */
  told: Record<string, string>
  /** The request as the application gets it. */
  request: Request
  html: string
  /** The paths of our pages on the way. */
  pages: string[]
  /** What they showed, by path. */
  shown: Map<string, string>
}

export type Visit = {
  email: string
  password?: string
  decision?: 'allow' | 'deny'
}

type Form = { action: string; fields: Record<string, string> }

const ENTITIES: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'" }

function decode(text: string): string {
  return text.replaceAll(/&(amp|lt|gt|quot|#39);/g, (_, name: string) => ENTITIES[name] ?? '')
}

/** The first form of a page, with its hidden fields. */
export function formOf(html: string): Form | null {
  const [, action, inside] =
    /<form method="post" action="([^"]*)"[^>]*>([\s\S]*?)<\/form>/.exec(html) ?? []
  if (action === undefined || inside === undefined) return null
  const hidden = inside.matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)">/g)
  const fields = [...hidden].map(([, name = '', value = '']) => [decode(name), decode(value)])
  return { action: decode(action), fields: Object.fromEntries(fields) as Record<string, string> }
}

/**
 * A browser without scripts on a real server: it keeps cookies, follows redirects, and fills in the forms
 * of the plain HTML. Nothing of it comes from the server's code.
 */
export function openHttpBrowser(issuer: string) {
  const jar = new Map<string, string>()

  async function load(url: URL, form?: Record<string, string>) {
    const answer = await fetch(url, {
      redirect: 'manual',
      headers: { cookie: [...jar].map(([name, value]) => `${name}=${value}`).join('; ') },
      ...(form !== undefined && { method: 'POST', body: new URLSearchParams(form) })
    })
    for (const line of answer.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
      if (value === '' || /max-age=0/i.test(line)) jar.delete(name)
      else jar.set(name, value)
    }
    return {
      status: answer.status,
      location: answer.headers.get('location'),
      html: await answer.text()
    }
  }

  /** Goes where a link leads, and does what our pages ask for. */
  async function visit(
    start: string | URL,
    { email, password = PASSWORD, decision = 'allow' }: Visit
  ): Promise<Rest> {
    const pages: string[] = []
    const shown = new Map<string, string>()
    let [url, form]: [URL, Record<string, string> | undefined] = [new URL(start), undefined]
    for (let steps = 0; steps < 20; steps += 1) {
      if (url.origin !== issuer) {
        const told = form ?? Object.fromEntries(url.searchParams)
        const request = new Request(
          url,
          form && { method: 'POST', body: new URLSearchParams(form) }
        )
        return { url, status: 0, told, request, html: '', pages, shown }
      }
      pages.push(url.pathname)
      const { status, location, html } = await load(url, form)
      if (html !== '') shown.set(url.pathname, html)
      const next = status === 200 ? formOf(html) : null
      if (location !== null) [url, form] = [new URL(location, url), undefined]
      else if (next === null || next.action === '/oauth/logout/confirm') {
        return { url, status, told: {}, request: new Request(url), html, pages, shown }
      } else {
        const typed = next.action === '/login' ? { email, password } : {}
        const pressed = next.action === '/consent' ? { decision } : {}
        form = { ...next.fields, ...typed, ...pressed }
        url = new URL(next.action, url)
      }
    }
    throw new Error(`no rest after ${pages.join(' ')}`)
  }

  return { jar, load, visit }
}

export type HttpBrowser = ReturnType<typeof openHttpBrowser>
