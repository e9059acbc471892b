# Grüße
import torch
