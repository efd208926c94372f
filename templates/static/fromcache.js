// The pages work without this file. With it they change by themselves: rows that the server sends take the place of
// those with their ids, and buttons leave the page where it is.
(() => {
  'use strict'
  const $ = (selector, root = document) => root.querySelector(selector)
  const $$ = (selector, root = document) => [...root.querySelectorAll(selector)]
  const parse = (html) => {
    const t = document.createElement('template')
    t.innerHTML = html
    return t.content
  }
  const text = (el) => el.innerHTML.replaceAll(' open=""', '')
  document.documentElement.classList.add('js')

  const flash = (words, bad) => {
    const el = $('#flash')
    el.textContent = words
    el.classList.toggle('bad', Boolean(bad))
    for (const a of el.getAnimations()) { a.cancel(); a.play() } // it leaves by itself, ten seconds from now
  }
  document.addEventListener('click', (e) => { if (e.target.id === 'flash') e.target.textContent = '' })

  // Rows. A row is patched cell by cell, so that neither the focus nor an open disclosure is lost.

  const page = () => $('#page')
  const isLive = (dir) => page()?.dataset.live?.split(' ').includes(dir)
  const patch = (old, fresh) => {
    const cells = $$('[data-c]', fresh)
    if (!cells.length || cells.length !== $$('[data-c]', old).length) {
      const was = $$('input:checked', old).length
      old.replaceWith(fresh)
      if (was) $$('input[type=checkbox]', fresh).forEach((box) => { box.checked = true })
      return added(fresh)
    }
    for (const cell of cells) {
      const mine = $(`[data-c="${cell.dataset.c}"]`, old)
      if (mine && text(mine) !== text(cell) && !$('input:checked', mine)) { // what was chosen is what was shown then
        mine.innerHTML = cell.innerHTML
        added(mine)
      }
    }
  }
  const added = (el) => window.htmx?.process(el)
  const most = 100

  // Who points at a button is about to press it: nothing that a client does meanwhile puts another one there.

  const aim = 1500
  let moved = 0
  document.addEventListener('pointermove', () => { moved = Date.now() }, { passive: true })
  const aimed = () => Date.now() - moved < aim && $('#page .acts:hover, #page .variants:hover, #page .pick:hover')

  const row = (html) => {
    const fresh = parse(html).firstElementChild
    if (!fresh || !isLive(fresh.dataset.in)) return
    const old = document.getElementById(fresh.id)
    if (aimed() && !(old && acted(old))) return sync(aim)
    if (old && acted(old) && !old.dataset.gone) return // as its file is written, before it moves
    if (old && acted(old)) back(old)
    if (old) return patch(old, fresh)
    const list = document.getElementById('l-' + fresh.dataset.in)
    if (!list || list.dataset.top === undefined) return
    fresh.classList.add('new')
    list.prepend(fresh)
    added(fresh)
    tally(fresh.dataset.in, 1)
    while (list.children.length > most) list.lastElementChild.remove()
  }

  const gone = (id) => {
    const old = document.getElementById(id)
    if (!old || !isLive(old.dataset.in) || old.dataset.gone) return
    if (aimed() && !acted(old)) return sync(aim)
    tally(old.dataset.in, -1)
    if (acted(old)) old.dataset.gone = 1
    else remove(old)
  }

  const remove = (old) => {
    const next = old.nextElementSibling || old.previousElementSibling
    const focused = old.contains(document.activeElement)
    old.remove()
    if (focused) $('button:not([disabled]), a', next || page())?.focus()
  }

  // A row that was acted on stays where it is for ten seconds, with what became of it: what is under the pointer is never
  // another row all of a sudden.

  const stay = 10000
  const timers = new WeakMap()
  const acted = (el) => el.classList.contains('acted')
  const hold = (el) => {
    const focused = el.contains(document.activeElement)
    clearTimeout(timers.get(el))
    $('.fate', el)?.remove()
    el.classList.add('acted')
    $$('input:checked', el).forEach((box) => { box.checked = false })
    const fate = parse('<span class="fate" tabindex="-1"></span>').firstElementChild
    $('.acts', el).append(fate)
    if (focused) fate.focus({ preventScroll: true })
  }
  const tellFate = (el, words, undo) => {
    const fate = $('.fate', el)
    fate.textContent = words.split(' ')[0] + ' '
    if (undo) {
      const [to, fields] = undo.split('?')
      const button = parse('<button type="button" class="quiet undo">Undo</button>').firstElementChild
      button.addEventListener('click', () => act(el, to, new URLSearchParams(fields)))
      fate.append(button)
    }
    timers.set(el, setTimeout(() => settle(el), stay))
  }
  const settle = (el) => {
    if (!el.isConnected) return
    if (el.dataset.gone && aimed()) return timers.set(el, setTimeout(() => settle(el), 500))
    if (el.dataset.gone) return remove(el)
    release(el)
    sync(0)
  }
  const release = (el) => {
    const focused = el.contains(document.activeElement)
    clearTimeout(timers.get(el))
    el.classList.remove('acted')
    $('.fate', el)?.remove()
    if (focused) $('button:not([disabled]), a', el)?.focus()
  }
  const back = (el) => { // it went, and is there again
    tally(el.dataset.in, 1)
    delete el.dataset.gone
    release(el)
  }

  const tally = (dir, by) => {
    const n = document.getElementById('n-' + dir)
    if (n) n.textContent = String(Math.max(0, Number(n.textContent.replaceAll(',', '')) + by))
    if ($('nav.pager, p.more', page()) || $('#bulk') || document.getElementById('l-' + dir)?.children.length >= most) sync(2000 + Math.random() * 4000)
  }

  // The page as it is now, from the server. Rows are matched by id.

  const syncList = (old, fresh) => {
    const ids = new Set([...fresh.children].map((el) => el.id))
    for (const el of [...old.children]) {
      if (ids.has(el.id)) continue
      if (acted(el)) el.dataset.gone = 1
      else el.remove()
    }
    const passing = (el) => el && acted(el) && !ids.has(el.id)
    let at = null
    for (const el of [...fresh.children]) {
      const mine = document.getElementById(el.id)
      if (mine && mine.parentElement === old) {
        if (acted(mine)) delete mine.dataset.gone
        else patch(mine, el)
        const now = document.getElementById(el.id)
        let next = at ? at.nextElementSibling : old.firstElementChild
        while (passing(next)) next = next.nextElementSibling
        if (next !== now) at ? at.after(now) : old.prepend(now)
        at = now
      } else {
        at ? at.after(el) : old.prepend(el)
        added(el)
        at = el
      }
    }
  }

  let syncing = null
  let due = 0
  const sync = (wait = 50 + Math.random() * 300) => { // not all pages at once
    if (syncing && due < Date.now() + wait) return
    clearTimeout(syncing)
    due = Date.now() + wait
    syncing = setTimeout(async () => {
      syncing = null
      const here = page()
      if (!here) return
      // A connection that died in its sleep answers nothing: the next try gets another.
      const options = { headers: { Accept: 'text/html' }, signal: AbortSignal.timeout(10000) }
      const [answer, html] = await fetch(location.href, options).then(async (a) => [a, await a.text()]).catch(() => [])
      if (!answer && source?.readyState === 1) sync(1000)
      if (!answer?.ok) return
      if (answer.redirected) return location.reload()
      const doc = new DOMParser().parseFromString(html, 'text/html')
      const fresh = $('#page', doc)
      if (here !== page() || !fresh) return
      if (aimed()) return sync(aim)
      if ($('#sum', doc)) $('#sum').replaceWith($('#sum', doc))
      const lists = $$('[id^="l-"]', here)
      const twins = lists.map((list) => doc.getElementById(list.id))
      if ($('.acted', here) && (!lists.length || twins.includes(null))) return
      if (!lists.length || twins.includes(null)) {
        here.replaceWith(fresh)
        return added(fresh)
      }
      lists.forEach((list, i) => syncList(list, twins[i]))
      const twinEdges = $$('.edge', fresh)
      $$('.edge', here).forEach((old, i) => {
        const twin = twinEdges[i]
        if (twin && text(old) !== text(twin) && !old.contains(document.activeElement)) old.innerHTML = twin.innerHTML
      })
      $$('[data-all]').forEach((box) => { box.checked = false })
    }, wait)
  }

  // The stream. htmx keeps it open; here is what its messages mean.

  let source = null
  let heard = 0
  let opened = false
  if (window.htmx) {
    window.htmx.createEventSource = (url) => {
      source?.close()
      source = new EventSource(url)
      heard = Date.now()
      return source
    }
  }
  const says = (word) => {
    const el = $('#live')
    if (el && el.textContent !== word) el.textContent = word
    el?.classList.toggle('on', word === 'live')
  }
  document.addEventListener('htmx:sseOpen', (e) => {
    heard = Date.now()
    says('live')
    if (opened) sync()
    opened = true
  })
  document.addEventListener('htmx:sseError', () => says('reconnecting'))
  document.addEventListener('htmx:sseBeforeMessage', (e) => {
    e.preventDefault()
    heard = Date.now()
    const { type, data } = e.detail
    if (type === 'row') row(data)
    else if (type === 'gone') gone(data)
    else if (type === 'summary') $('#sum')?.replaceWith(parse(data))
    else if (type === 'stale' && (data === 'all' || isLive(data))) sync()
  })
  // A computer that slept holds a stream that is dead and doesn't know it; a page that nobody looks at needs none.
  const restart = () => {
    const el = $('#stream')
    if (!el || !window.htmx) return
    source?.close()
    source = null
    const twin = el.cloneNode()
    el.replaceWith(twin)
    window.htmx.process(twin)
  }
  setInterval(() => { // a stream that was refused is closed, and htmx would wait longer each time
    if (!source || document.hidden) return
    const silent = Date.now() - heard
    if (source.readyState === 2 || silent > 25000 || (source.readyState === 0 && silent > 8000)) restart()
  }, 5000)
  window.addEventListener('online', () => { if (source) restart() })
  let hiding = null
  document.addEventListener('visibilitychange', () => {
    clearTimeout(hiding)
    if (document.hidden) {
      hiding = setTimeout(() => { source?.close(); source = null }, 30000)
    } else if (opened && (!source || Date.now() - heard > 12000)) {
      restart()
    }
  })

  // A page that is kept for the way back would keep its stream, and a browser has six for all pages of a server.
  window.addEventListener('pagehide', () => { source?.close(); source = null })
  window.addEventListener('pageshow', (e) => { if (e.persisted) restart() })

  // Buttons.

  const post = async (form, button) => { // of a file its name
    const body = new URLSearchParams([...new FormData(form, button)].map(([name, value]) => [name, value.name ?? value]))
    button?.setAttribute('aria-busy', 'true')
    try {
      const answer = await fetch(button?.getAttribute('formaction') || form.getAttribute('action'), { method: 'POST', body, headers: { 'X-Fromcache-Live': '1' } })
      if (answer.status === 401) location.reload()
      return [answer, (await answer.text()).trim()]
    } finally {
      button?.removeAttribute('aria-busy')
    }
  }
  const noAnswer = 'The server does not answer. Nothing is known to have been done.'
  const act = async (el, to, body) => { // by the button of a row that was acted on
    hold(el)
    const answer = await fetch(to, { method: 'POST', body, headers: { 'X-Fromcache-Live': '1' } }).catch(() => null)
    const words = answer ? (await answer.text()).trim() : noAnswer
    flash(words, !answer?.ok)
    answer?.ok ? tellFate(el, words, answer.headers.get('X-Fromcache-Undo')) : settle(el)
  }
  const send = async (form, button) => {
    const of = form.getAttribute('id') // form.id is what a button named id makes it
    const el = of === 'act' ? button?.closest('#page [data-in][id]') : null
    if (el && acted(el)) return
    if (el) hold(el)
    try {
      const [answer, words] = await post(form, button)
      flash(words, !answer.ok)
      if (el) answer.ok ? tellFate(el, words, answer.headers.get('X-Fromcache-Undo')) : settle(el)
      if (answer.ok && form.dataset.clear !== undefined) form.reset()
      if (answer.ok && of === 'bulk') $$('input[type=checkbox]').forEach((box) => { box.checked = false })
      if (!source || source.readyState !== 1 || page()?.dataset.live === undefined || of !== 'act') sync()
    } catch {
      flash(noAnswer, true)
      if (el) settle(el)
    }
  }

  // The second click of a double click is for nothing: by then another thing may be under the pointer.
  document.addEventListener('click', (e) => {
    if (e.detail < 2 || !e.target.closest?.('button[formaction], .undo')) return
    e.preventDefault()
    e.stopImmediatePropagation()
  }, true)

  // What no button takes back is asked about once.
  const sure = (button, form) => new Promise((done) => {
    const box = parse('<dialog id="ask" aria-labelledby="question"><p id="question"></p><form method="dialog"><button value="yes" class="warn"></button> <button value="" class="quiet" autofocus>No</button></form></dialog>').firstElementChild
    $('p', box).textContent = button.dataset.ask.replace('{}', form.elements.key?.value)
    $('button', box).textContent = button.textContent
    box.addEventListener('close', () => { box.remove(); done(box.returnValue === 'yes') })
    document.body.append(box)
    box.showModal()
  })

  document.addEventListener('submit', async (e) => {
    const form = e.target
    const button = e.submitter
    if (form.dataset.upload !== undefined) {
      e.preventDefault()
      upload(form)
    } else if (form.dataset.act !== undefined && e.submitter?.getAttribute('formaction') !== '/admin/ask') {
      e.preventDefault()
      if (!button?.dataset.ask || await sure(button, form)) send(form, button)
    }
  })

  const upload = (form) => {
    const data = new FormData()
    data.append('url', form.elements.url.value)
    data.append('sha256', form.elements.sha256.value)
    for (const box of $$('[name=accept]:checked', form)) data.append('accept', box.value)
    data.append('size', String(form.elements.file.files[0].size))
    data.append('file', form.elements.file.files[0])
    const bar = $('progress', form)
    const button = $('button', form)
    const request = new XMLHttpRequest()
    request.upload.onprogress = (e) => { if (e.lengthComputable) bar.value = e.loaded * 100 / e.total }
    request.onloadend = () => {
      bar.hidden = true
      button.disabled = false
      flash(request.responseText.trim() || 'The upload broke off: send it again.', request.status !== 200)
      if (request.status === 200) form.reset()
    }
    bar.value = 0
    bar.hidden = false
    button.disabled = true
    request.open('POST', form.getAttribute('action'))
    request.setRequestHeader('X-Fromcache-Live', '1')
    request.send(data)
  }

  // The clipboard's own call needs https, and leave; the old way needs neither, but takes the focus.
  const copy = async (words) => {
    if (navigator.clipboard && window.isSecureContext) {
      const done = await navigator.clipboard.writeText(words).then(() => true, () => false)
      if (done) return true
    }
    const had = document.activeElement
    const area = document.createElement('textarea')
    area.value = words
    area.className = 'hidden'
    document.body.append(area)
    area.select()
    const done = document.execCommand('copy')
    area.remove()
    had?.focus()
    return done
  }
  document.addEventListener('click', async (e) => {
    const button = e.target.closest?.('.copy')
    if (!button) return
    button.textContent = await copy(button.previousElementSibling.textContent) ? 'Copied' : 'Select it to copy'
    setTimeout(() => { button.textContent = 'Copy' }, 1500)
  })
  document.addEventListener('change', (e) => {
    if (e.target.dataset?.all) $$(`#page input[name="${e.target.dataset.all}"]`).forEach((box) => { box.checked = e.target.checked })
  })
  document.addEventListener('htmx:beforeSwap', (e) => {
    if (e.detail.xhr?.status >= 400) {
      e.detail.shouldSwap = false
      flash(e.detail.xhr.responseText.trim(), true)
    }
  })
})()
