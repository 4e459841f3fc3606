"""What actors tell and ask each other, by the actor that receives it."""
