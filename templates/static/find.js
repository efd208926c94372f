// The key / goes to the search in the head of each page, wherever nothing is being written.
'use strict'
document.addEventListener('keydown', (event) => {
  const field = document.querySelector('.find input')
  if (event.key !== '/' || event.ctrlKey || event.metaKey || event.altKey || !field) return
  if (event.target.closest('input, textarea, select, [contenteditable], dialog')) return
  event.preventDefault()
  field.focus()
  field.select()
})
