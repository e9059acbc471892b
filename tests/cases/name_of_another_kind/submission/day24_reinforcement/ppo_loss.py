import torch

ppo_loss = torch.zeros(())
