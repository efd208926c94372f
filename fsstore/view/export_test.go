package view

// What the tests in this folder reach of the inside.

func (x *View) Forget() { x.forget() }

func (x *View) Expire() { x.expire() }

const KeptClients = keptClients

var Viewed = viewed
