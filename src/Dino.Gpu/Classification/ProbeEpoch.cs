namespace Dino.Gpu.Classification;

/// <summary>One epoch of <see cref="LinearProbe"/>'s training.</summary>
/// <param name="Number">Counted from 0.</param>
/// <param name="LearningRate">Its learning rate.</param>
/// <param name="Train">The score of the training examples, each just before the step that it was part of.</param>
/// <param name="Test">The score of the test examples after the epoch; null without any.</param>
public sealed record ProbeEpoch(int Number, double LearningRate, ProbeScore Train, ProbeScore? Test);
