"""The city's certificate authority: who may call itself what at a broker, for how long, and who no longer."""
