package view

// What the tests in this folder reach of the inside.

import ()

func (x *View) Forget() { x.forget() }

func (x *View) Stale() { x.stale() }

const KeptClients = keptClients

var Viewed = viewed
